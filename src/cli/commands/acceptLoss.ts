/** `litetapes accept-loss` */
import type { Changing } from "../flags.ts"
import { changeTape } from "../changeTape.ts"

interface Input extends Changing {
  readonly tape: string
}

export const run = (input: Input) =>
  changeTape(
    input.tape,
    [`Accepts what the tape ${input.tape} has lost: reads continue after it, without a warning.`],
    input,
    (lib) => lib.acceptLoss(input.tape),
    { tape: input.tape, accepted: true }
  )

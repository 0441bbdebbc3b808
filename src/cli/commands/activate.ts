/** `litetapes activate` */
import type { Changing } from "../flags.ts"
import { changeTape } from "../changeTape.ts"

interface Input extends Changing {
  readonly tape: string
}

export const run = (input: Input) =>
  changeTape(input.tape, [`Makes the tape ${input.tape} accept appends.`], input, (lib) => lib.activate(input.tape), {
    tape: input.tape,
    state: "active"
  })

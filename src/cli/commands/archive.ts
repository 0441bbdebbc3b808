/** `litetapes archive` */
import type { Changing } from "../flags.ts"
import { changeTape } from "../changeTape.ts"

interface Input extends Changing {
  readonly tape: string
}

export const run = (input: Input) =>
  changeTape(input.tape, [`Makes the tape ${input.tape} refuse appends.`], input, (lib) => lib.archive(input.tape), {
    tape: input.tape,
    state: "archived"
  })

import * as Shape from "../../domain/base/Shape.ts"
import { TaggedError } from "../../domain/base/TaggedError.ts"

/** The scope of the deliveries has closed. Run them again. */
export class DeliveriesStopped extends TaggedError<DeliveriesStopped>("litetapes/DeliveriesStopped")(
  "DeliveriesStopped",
  {
    /** Name of the scheduled events. */
    scheduled: Shape.String
  }
) {
  override get message() {
    return `scheduled events ${this.scheduled} are not delivered any more: the scope of the deliveries was closed. Run them again.`
  }
}

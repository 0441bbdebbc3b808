/** Errors of projections, in addition to those of consumers. */
import * as Shape from "../../domain/base/Shape.ts"
import { TaggedError } from "../../domain/base/TaggedError.ts"
import { whyOf } from "../../services/consumers/ConsumerErrors.ts"

/** `init` or `drop` of a projection failed, and was rolled back. */
export class ProjectionFailed extends TaggedError<ProjectionFailed>("litetapes/ProjectionFailed")("ProjectionFailed", {
  /** Name of the projection. */
  projection: Shape.String,
  /** Version of the projection. */
  version: Shape.Int,
  /** `init` or `drop`. */
  step: Shape.String,
  /** The error that it failed with. */
  error: Shape.Unknown
}) {
  override get message() {
    return `projection ${this.projection}: ${this.step} of version ${this.version} failed: ${whyOf(this.error)}. Correct it and run the projection again.`
  }
}

/** The version is the current one, which programs read. Nothing was dropped. */
export class ProjectionIsCurrent extends TaggedError<ProjectionIsCurrent>("litetapes/ProjectionIsCurrent")(
  "ProjectionIsCurrent",
  {
    /** Name of the projection. */
    projection: Shape.String,
    /** Version of the projection. */
    version: Shape.Int
  }
) {
  override get message() {
    return `projection ${this.projection}: version ${this.version} is the one that is read. Run a later version until it has caught up, or drop this one with { evenIfCurrent: true }.`
  }
}

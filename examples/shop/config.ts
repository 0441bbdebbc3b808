/** What can be set by the environment? */
import * as Config from "effect/Config"

export const settings = Config.all({
  /** Where events and read models are kept: a folder on a local disk. */
  folder: Config.NonEmptyString("SHOP_FOLDER").pipe(Config.withDefault("./shop-data")),
  host: Config.NonEmptyString("SHOP_HOST").pipe(Config.withDefault("127.0.0.1")),
  /** 0 takes any free one, which the log says. */
  port: Config.Int("SHOP_PORT").pipe(Config.withDefault(8080)),
  /** Without it, a bank that only pretends. */
  bank: Config.option(Config.URL("SHOP_BANK"))
})

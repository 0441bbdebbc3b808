/** Values as a reader of a failure needs them: short, and bytes by what distinguishes them. */
import { hash } from "node:crypto"

const textMax = 200

/** Returns `value` as a text. If bytes differ from those that were `wanted`, it includes the first difference. */
export const show = (value: unknown, wanted?: unknown): string => {
  if (value instanceof Uint8Array) return `${showBytes(value)}${difference(value, wanted)}`
  if (Array.isArray(value)) {
    const shown = value.map((element, index) => show(element, Array.isArray(wanted) ? wanted[index] : undefined))
    return cut(`[${shown.join(", ")}]`)
  }
  if (value instanceof Error) return value.message
  if (Object.is(value, -0)) return "-0"
  return cut(showJson(value))
}

/** Returns any value as JSON. A storage may return anything, and a failure must still be shown. */
const showJson = (value: unknown): string => {
  try {
    return (
      JSON.stringify(value, (_, inner: unknown) => {
        if (inner instanceof Uint8Array) return showBytes(inner)
        return typeof inner === "bigint" ? `${inner}n` : inner
      }) ?? String(value)
    )
  } catch {
    return Object.prototype.toString.call(value)
  }
}

const showBytes = (bytes: Uint8Array): string => {
  const text = new TextDecoder().decode(bytes.subarray(0, 80))
  if (bytes.length <= 80 && !/(?!\n)[\p{Cc}\ufffd]/u.test(text)) {
    return `the ${bytes.length} bytes ${JSON.stringify(text)}`
  }
  return `${bytes.length} bytes (sha256 ${hash("sha256", bytes, "hex").slice(0, 12)}…)`
}

const difference = (bytes: Uint8Array, wanted: unknown): string => {
  if (!(wanted instanceof Uint8Array)) return ""
  const at = bytes.findIndex((byte, index) => byte !== wanted[index])
  if (at !== -1 && at < wanted.length) return `, which differ first at byte ${at}`
  return bytes.length === wanted.length
    ? ""
    : `, ${Math.abs(bytes.length - wanted.length)} too ${bytes.length < wanted.length ? "few" : "many"}`
}

const cut = (text: string): string => (text.length <= textMax ? text : `${text.slice(0, textMax)}…`)

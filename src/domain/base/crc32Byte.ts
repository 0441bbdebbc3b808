/** Returns a CRC-32 (ISO-HDLC, as in zlib) continued by one byte. A call into zlib would cost more than this. */
export const crc32Byte = (crc: number, byte: number): number => {
  const state = ~crc
  return ~(table[(state ^ byte) & 0xff]! ^ (state >>> 8)) >>> 0
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let state = byte
  for (let bit = 0; bit < 8; bit++) state = (state & 1) === 1 ? (state >>> 1) ^ 0xedb88320 : state >>> 1
  return state
})

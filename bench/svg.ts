/** SVG elements for the charts: static, readable on light and dark backgrounds, without external resources. */

const style = `
    .page { fill: #ffffff } .text { fill: #1f2328 } .faint { fill: #59636e } .rule { stroke: #d1d9e0 }
    .ours { fill: #2f6fde } .peer { fill: #a9b4c0 } .loose { fill: none; stroke: #a9b4c0; stroke-dasharray: 3 2 }
    .limit { stroke: #c2570c; stroke-dasharray: 5 3 } .limit-text { fill: #c2570c }
    .line0 { stroke: #2f6fde; fill: #2f6fde } .line1 { stroke: #c2570c; fill: #c2570c } .line2 { stroke: #2a8a4a; fill: #2a8a4a }
    .line { fill: none; stroke-width: 2 }
    text { font: 12px system-ui, sans-serif } .title { font-size: 14px; font-weight: 600 } .end { text-anchor: end }
    .middle { text-anchor: middle }
    .halo { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117 } .text { fill: #e6edf3 } .faint { fill: #9198a1 } .rule { stroke: #3d444d }
      .ours { fill: #5b9dff } .peer { fill: #5d6876 } .loose { stroke: #5d6876 }
      .limit { stroke: #f0883e } .limit-text { fill: #f0883e }
      .line0 { stroke: #5b9dff; fill: #5b9dff } .line1 { stroke: #f0883e; fill: #f0883e } .line2 { stroke: #56d364; fill: #56d364 }
      .line { fill: none } .halo { stroke: #0d1117 }
    }`

export const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

/** Returns a complete picture. Screen readers read `title` aloud. */
export const page = (width: number, height: number, title: string, parts: ReadonlyArray<string>): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
  <title>${escape(title)}</title>
  <style>${style}
  </style>
  <rect class="page" width="${width}" height="${height}"/>
${parts.map((part) => `  ${part}`).join("\n")}
</svg>
`

const round = (value: number): number => Math.round(value * 10) / 10

export const text = (x: number, y: number, what: string, className = "text"): string =>
  `<text class="${className}" x="${round(x)}" y="${round(y)}">${escape(what)}</text>`

export const rect = (x: number, y: number, width: number, height: number, className: string): string =>
  `<rect class="${className}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${height}" rx="2"/>`

export const line = (x1: number, y1: number, x2: number, y2: number, className: string): string =>
  `<line class="${className}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`

export const dot = (x: number, y: number, className: string): string =>
  `<circle class="${className}" cx="${round(x)}" cy="${round(y)}" r="3"/>`

export const path = (points: ReadonlyArray<readonly [x: number, y: number]>, className: string): string =>
  `<polyline class="${className}" points="${points.map(([x, y]) => `${round(x)},${round(y)}`).join(" ")}"/>`

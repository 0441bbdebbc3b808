/** An agent that works through its turns, and can be killed at any moment: `agent.ts ROOT SESSION TURNS`. */
import * as SessionLog from "./SessionLog.ts"

const [root, session, turns] = process.argv.slice(2)
if (root !== undefined && session !== undefined) {
  await using log = await SessionLog.open(root, session)
  for (let n = 0; n < Number(turns); n++) {
    const turn = `turn-${n}`
    // A killed agent continues here: it does not call the model again for what the log has.
    if (await log.has(turn)) continue
    // Here a real agent calls its model and its tools.
    await log.append(turn, [
      { type: "ModelSaid", data: { turn: n, text: `I read file ${n}.` } },
      { type: "ToolCalled", data: { turn: n, tool: "read", path: `src/${n}.ts` } },
      { type: "ToolReturned", data: { turn: n, text: "x".repeat(n * 10) } }
    ])
    // Only now the turn may count as done.
    console.log(turn)
  }
}

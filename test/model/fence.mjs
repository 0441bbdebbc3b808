/**
 * Exhaustive model of the fence (docs/decisions/0034-a-folder-for-each-writer.md): writers of one folder whose kernel
 * lock may be dropped at any time. README.md says how to run it.
 *
 * One kernel: system calls are atomic, and in one order for all; power losses are left to the crash campaign. Every order
 * of every system call of two or three processes is explored. A process that crashes is one that is not scheduled any
 * more. After every step somebody who is undisturbed opens the folder: everything that was acknowledged must be there,
 * once, in order.
 */

const scenarios = {
  // batches, closes of a dynamic segment, rewrites of lib meta within an epoch, flushes that are undone: for each process
  "two-commits": { batches: [3, 2], drops: 1 },
  "two-closing": { batches: [2, 1], closes: [1, 1], drops: 1 },
  "two-rewriting": { batches: [2, 1], rewrites: [1, 1], drops: 1 },
  "two-undoing": { batches: [1, 1], undos: [1, 0], closes: [0, 1], drops: 1 },
  "three-commits": { batches: [2, 1, 1], drops: 2 },
  "three-closing": { batches: [1, 1, 1], closes: [1, 1, 0], drops: 2 },
  "three-rewriting": { batches: [1, 1, 1], rewrites: [1, 1, 0], drops: 2 },
  "three-without-a-lock": { batches: [1, 1, 1], drops: 99 },
  "two-without-a-lock": { batches: [2, 2], closes: [1, 1], drops: 99 }
}
const mutants = {
  "as-it-was": ["two-commits"],
  "fence-behind-the-scan": ["two-commits"],
  "no-look-before-acknowledging": ["two-commits"],
  "look-before-the-write": ["two-commits"],
  "owner-file-only": ["two-closing", "two-rewriting"],
  "look-then-rename-meta": ["two-rewriting"],
  "look-then-rename-tape-meta": ["two-closing"],
  "look-then-rename-segment": ["two-closing"],
  "look-then-unlink": ["two-undoing"],
  "open-meta-behind-the-look": ["two-closing"],
  "own-folder-behind-the-others": ["three-without-a-lock", "two-without-a-lock"],
  "take-over-unconditional": ["three-commits", "three-without-a-lock"],
  "new-dynamic-unconditional": ["three-commits", "three-without-a-lock"],
  "changed-to-before-it-is-listed": ["two-closing"],
  "next-number": ["two-closing", "two-undoing", "three-closing"],
  "no-limit-on-what-is-inherited": ["two-commits"],
  "folder-made-again": ["two-commits"],
  "preparation-dropped-early": ["two-closing", "three-closing"]
}
const harmless = {
  "always-two-numbers-on": ["two-closing"],
  // Without power losses nothing brings an older lib meta back, beside which such a file would count.
  "leftovers-kept": ["two-closing"],
  "look-then-create-dynamic": ["two-closing", "three-closing"],
  "meta-not-compared": ["two-closing", "three-closing"],
  "own-folder-not-looked-at-when-opening": ["three-commits"]
}

const MAXSTATES = +(process.env.MAX ?? 10e6)
class Violation extends Error {}
const fail = (why) => {
  throw new Violation(why)
}

function explore(name, M) {
  const zero = scenarios[name].batches.map(() => 0)
  const cfg = { closes: zero, rewrites: zero, undos: zero, drops: 0, ...scenarios[name] }
  const NW = cfg.batches.length

  // A batch: number, id, id of the one before. Lib meta: a list of records behind the anchor, as `live` dynamic segments.
  const start = () => ({
    lock: -1,
    drops: cfg.drops,
    folders: [],
    owners: [],
    meta: 0,
    metas: [{ e: 0, an: 0, aid: "", dyns: [], top: 0 }], // by inode
    dyn: {}, // path -> inode
    epochs: [], // of the headers of dynamic segments, by inode
    files: [], // inodes of dynamic segments: batches; the last may be torn ("~")
    tape: { segs: [], last: 0 },
    segs: {},
    acked: [],
    W: cfg.batches.map((b, w) => ({
      pc: "lock",
      seen: [],
      left: b,
      closes: cfg.closes[w],
      rewrites: cfg.rewrites[w],
      undos: cfg.undos[w],
      m: undefined,
      scan: undefined,
      n: 0,
      id: "",
      file: -1,
      no: 0,
      ready: -1,
      next: -1,
      mi: -1,
      bg: "",
      tape: undefined,
      seg: undefined,
      old: undefined
    }))
  })
  const clone = (s) => ({
    ...s,
    folders: s.folders.slice(),
    owners: s.owners.slice(),
    metas: s.metas.slice(),
    dyn: { ...s.dyn },
    files: s.files.slice(),
    epochs: s.epochs.slice(),
    segs: { ...s.segs },
    W: s.W.slice()
  })
  const setW = (t, w, more) => {
    t.W[w] = { ...t.W[w], ...more }
  }

  // ---- what anybody finds in the folder
  const scan = (s, m) => {
    let n = m.an
    let id = m.aid
    const found = []
    for (const [no, limit] of m.dyns) {
      const inode = s.dyn[no]
      if (inode === undefined) return { bad: `dynamic segment ${no} is listed and not there` }
      for (const b of s.files[inode]) {
        if (limit !== null && b.n > limit) break
        if (b.torn) break
        if (b.n !== n + 1 || b.prev !== id)
          return { bad: `batch ${b.n} (${b.id}) in dynamic segment ${no} does not follow ${n} (${id})` }
        n = b.n
        id = b.id
        found.push({ ...b, no })
      }
      if (limit !== null && n !== limit) return { bad: `dynamic segment ${no} ends at ${n} and not at ${limit}` }
    }
    return { n, id, found }
  }
  const fold = (s) => {
    const m = s.metas[s.meta]
    const { bad, found, n } = scan(s, m)
    if (bad) return { bad }
    const stream = []
    for (const [seg, content] of s.tape.segs) {
      if (s.segs[seg] === undefined) return { bad: `segment ${seg} is listed and not there` }
      if (s.segs[seg] !== content) return { bad: `segment ${seg} holds ${s.segs[seg]} instead of ${content}` }
      stream.push(...content.split(","))
    }
    // A reader would take such a file for one that lib meta has lost.
    for (const no of Object.keys(s.dyn)) {
      const inode = s.dyn[no]
      if (+no > m.top && s.epochs[inode] === m.e && s.files[inode].length > 0)
        return { bad: `dynamic segment ${no} holds batches, and is not listed` }
    }
    if (s.tape.last > n) return { bad: `the tape is at batch ${s.tape.last}, the lib at ${n}` }
    for (const b of found) if (b.n > s.tape.last) stream.push(b.id)
    return { stream }
  }
  const check = (s) => {
    const { bad, stream } = fold(s)
    if (bad) fail(bad)
    for (const id of s.acked) if (!stream.includes(id)) fail(`${id} was acknowledged, and is gone: ${stream}`)
    for (let k = 0; k < stream.length; k++) {
      const before = +stream[k].slice(1) - 1
      if (before > 0 && !stream.slice(0, k).includes(stream[k][0] + before))
        fail(`${stream[k]} is there before ${stream[k][0]}${before}: ${stream}`)
    }
    if (new Set(stream).size !== stream.length) fail(`something is there twice: ${stream}`)
  }

  // ---- what a process may rest on
  const mine = (s, w) => s.owners.includes(w) || M === "as-it-was"
  /** A rename out of, or into, the own folder: the kernel refuses it once the folder is gone. */
  const whole = (s, w, loose) => s.folders.includes(w) || M === "as-it-was" || loose

  const succ = (s, emit) => {
    if (s.drops > 0 && s.lock >= 0) {
      const t = clone(s)
      t.lock = -1
      if (t.drops < 99) t.drops--
      emit(t, "the kernel's lock is dropped")
    }
    for (let w = 0; w < NW; w++) advance(s, w, emit)
  }
  const advance = (s, w, emit) => {
    const x = s.W[w]
    const step = (what, change) => {
      const t = clone(s)
      change(t)
      emit(t, `${"ABC"[w]}: ${what}`)
    }
    const dead = (why) => step(`stops: ${why}`, (t) => setW(t, w, stopped))
    switch (x.pc) {
      case "dead":
        return
      case "lock":
        if (s.lock >= 0 || (w > 0 && s.W[w - 1].pc === "lock")) return
        return step("takes the lock", (t) => {
          t.lock = w
          setW(t, w, { pc: M === "own-folder-behind-the-others" ? "list" : "folder" })
        })
      case "folder":
        return step("makes its folder, with the owner file", (t) => {
          t.folders = [...t.folders, w].toSorted()
          t.owners = [...t.owners, w].toSorted()
          setW(t, w, {
            pc:
              M === "own-folder-behind-the-others"
                ? "look"
                : M === "fence-behind-the-scan" || M === "as-it-was"
                  ? "read"
                  : "list"
          })
        })
      case "list": {
        const seen = s.folders.filter((o) => o !== w)
        return step(`removes owner files of ${seen.map((o) => "ABC"[o])}`, (t) => {
          t.owners = t.owners.filter((o) => !seen.includes(o))
          setW(t, w, { pc: "remove", seen })
        })
      }
      case "remove":
        return step("empties and removes these folders", (t) => {
          if (M !== "owner-file-only") t.folders = t.folders.filter((o) => !x.seen.includes(o))
          setW(t, w, {
            seen: [],
            pc: M === "own-folder-behind-the-others" ? "folder" : M === "fence-behind-the-scan" ? "leftovers" : "look"
          })
        })
      case "look":
        if (!mine(s, w) && M !== "own-folder-not-looked-at-when-opening") return dead("somebody else is opening")
        return step("looks at its own owner file", (t) => setW(t, w, { pc: "read" }))
      case "read":
        return step("reads lib meta", (t) => setW(t, w, { pc: "scan", m: s.metas[s.meta] }))
      case "scan": {
        const found = scan(s, x.m)
        if (found.bad) {
          // Beside another one that takes over: what was listed is not there any more. Read again, or stop: either is safe.
          return dead("what it reads changes under it")
        }
        return step(`scans: ${found.found.map((b) => b.id)}`, (t) =>
          setW(t, w, { scan: found, pc: M === "fence-behind-the-scan" ? "list" : "leftovers" })
        )
      }
      case "leftovers": {
        // Files of interrupted openings. The one that the writer before may still list is left to it until the decision.
        const mayBeListed = (no) =>
          no === x.m.top + 1 && s.epochs[s.dyn[no]] === x.m.e && M !== "preparation-dropped-early"
        const seen = Object.keys(s.dyn)
          .map(Number)
          .filter((no) => no > x.m.top && !mayBeListed(no))
        if (seen.length > 0 && !whole(s, w, false)) return dead("its folder is gone")
        return step(`drops ${seen} before the decision`, (t) => {
          if (M !== "leftovers-kept") for (const no of seen) delete t.dyn[no]
          setW(t, w, { pc: "dynamic" })
        })
      }
      case "dynamic": {
        // a new dynamic segment with a copy of the last batch
        if (!whole(s, w, M === "new-dynamic-unconditional")) return dead("its folder is gone")
        const last = x.scan.found.at(-1)
        // The writer before may still list the next number, by an append to lib meta that is under way: that one is left to it.
        const no = x.m.top + (M === "next-number" || (x.m.e === 0 && M !== "always-two-numbers-on") ? 1 : 2)
        return step(`puts dynamic segment ${no} in its place`, (t) => {
          const inode = t.files.length
          t.files = [...t.files, last === undefined ? [] : [{ n: last.n, id: last.id, prev: last.prev }]]
          t.epochs = [...t.epochs, x.m.e + 1]
          t.dyn[no] = inode
          setW(t, w, { no, file: inode, pc: "decide" })
        })
      }
      case "decide": {
        // lib meta with the epoch
        if (!whole(s, w, M === "take-over-unconditional")) return dead("its folder is gone")
        if (s.metas[s.meta] !== x.m && M !== "meta-not-compared") {
          return step("lib meta has changed: reads again", (t) => setW(t, w, { pc: "read", scan: undefined }))
        }
        const last = x.scan.found.at(-1)
        const keep = new Map()
        for (const b of x.scan.found) if (b !== last) keep.set(b.no, b.n)
        const dyns = [...keep].map(([no, limit]) => [no, M === "no-limit-on-what-is-inherited" ? null : limit])
        const m = { e: x.m.e + 1, an: x.m.an, aid: x.m.aid, dyns: [...dyns, [x.no, null]], top: x.no }
        return step(`puts lib meta of epoch ${m.e} in its place`, (t) => {
          t.metas = [...t.metas, m]
          t.meta = t.metas.length - 1
          for (const id of s.acked)
            if (id[0] !== "ABC"[w] && !inStream(t, id)) fail(`${"ABC"[w]} takes over without ${id}`)
          setW(t, w, { pc: "tidy", n: x.scan.n, id: x.scan.id, m, mi: t.meta, scan: undefined, tape: s.tape })
        })
      }
      case "tidy": {
        // dynamic segments that nothing lists any more
        if (!mine(s, w)) return dead("its owner file is gone")
        const seen = Object.keys(s.dyn).filter((no) => !x.m.dyns.some(([live]) => live === +no))
        return step(`finds ${seen} unlisted`, (t) =>
          setW(t, w, seen.length === 0 ? { pc: "run" } : { pc: "tidy2", seen })
        )
      }
      case "tidy2":
        if (!whole(s, w, M === "look-then-unlink")) return dead("its folder is gone")
        return step(`drops ${x.seen}`, (t) => {
          for (const no of x.seen) delete t.dyn[no]
          setW(t, w, { pc: "run", seen: [] })
        })
    }
    // ---- at work: one commit at a time, and one thing in the background
    const renewed = (t) => {
      if (M === "folder-made-again" && !t.folders.includes(w)) {
        t.folders = [...t.folders, w].toSorted()
        t.owners = [...t.owners, w].toSorted()
      }
    }
    if (x.pc === "run" && x.left > 0) {
      if (M === "look-before-the-write") {
        if (!mine(s, w)) dead("its owner file is gone")
        else step("looks, before it writes", (t) => setW(t, w, { pc: "half" }))
      } else
        step("begins a batch", (t) => {
          renewed(t)
          setW(t, w, { pc: "half" })
        })
    }
    const id = `${"ABC"[w]}${cfg.batches[w] - x.left + 1}`
    if (x.pc === "half")
      step(`writes the first half of ${id}`, (t) => {
        t.files[x.file] = [...t.files[x.file], { n: x.n + 1, id, prev: x.id, torn: true }]
        setW(t, w, { pc: "whole" })
      })
    if (x.pc === "whole") {
      step(`writes and syncs ${id}`, (t) => {
        t.files[x.file] = t.files[x.file].map((b) => (b.id === id ? { n: b.n, id, prev: b.prev } : b))
        setW(t, w, { pc: "written" })
      })
    }
    if (x.pc === "written") {
      const looks = M !== "no-look-before-acknowledging" && M !== "look-before-the-write"
      if (looks && !mine(s, w)) return dead(`before it acknowledges ${id}`)
      step(`acknowledges ${id}`, (t) => {
        t.acked = [...t.acked, id]
        setW(t, w, { pc: "run", left: x.left - 1, n: x.n + 1, id, ...(x.next >= 0 ? { file: x.next, next: -1 } : {}) })
      })
    }
    background(s, w, step, dead)
  }
  const stopped = {
    pc: "dead",
    seen: [],
    left: 0,
    closes: 0,
    rewrites: 0,
    undos: 0,
    m: undefined,
    scan: undefined,
    n: 0,
    id: "",
    file: -1,
    no: 0,
    ready: -1,
    next: -1,
    mi: -1,
    bg: "",
    tape: undefined,
    seg: undefined,
    old: undefined
  }
  const inStream = (t, id) => {
    const { bad, stream } = fold(t)
    if (bad) fail(bad)
    return stream.includes(id)
  }

  /** One change of lib meta in place: opened, looked at the owner file, written, looked again. */
  const appendMeta = (s, w, step, dead, now, then, change) => {
    const x = s.W[w]
    const opens = M !== "open-meta-behind-the-look"
    if (x.bg === now) {
      if (!mine(s, w)) return dead("its owner file is gone")
      return step(opens ? "opens lib meta, and looks" : "looks", (t) =>
        setW(t, w, { bg: `${now}+`, mi: opens ? s.meta : x.mi })
      )
    }
    if (x.bg === `${now}+`) {
      const inode = opens ? x.mi : s.meta
      return step("appends to lib meta", (t) => {
        const before = t.metas[inode]
        // What it appends is made for the meta that it knows: behind another one's records it is damage.
        const foreign = before.e !== x.m.e
        t.metas[inode] = foreign ? { ...before, dyns: [["?", null]] } : change(before)
        setW(t, w, { bg: `${now}!`, m: foreign ? x.m : t.metas[inode] })
      })
    }
    if (x.bg === `${now}!`) {
      if (!mine(s, w)) return dead("its owner file is gone")
      return step("looks: lib meta is changed", (t) => then(t))
    }
  }
  const background = (s, w, step, dead) => {
    const x = s.W[w]
    if (x.pc === "dead" || !["run", "half", "whole", "written"].includes(x.pc)) return
    if (x.bg === "") {
      if (x.closes > 0 && x.n > x.m.an) step("begins to close", (t) => setW(t, w, { bg: "dyn", closes: x.closes - 1 }))
      if (x.rewrites > 0) step("begins to rewrite lib meta", (t) => setW(t, w, { bg: "rw", rewrites: x.rewrites - 1 }))
      if (x.undos > 0 && x.n > x.tape.last)
        step("begins a segment that it will undo", (t) => setW(t, w, { bg: "un", undos: x.undos - 1 }))
      return
    }
    const looks = (next) =>
      mine(s, w) ? step("looks", (t) => setW(t, w, { bg: next })) : dead("its owner file is gone")
    const segName = `seg-${x.tape.segs.length + 1}`
    switch (x.bg) {
      // the next dynamic segment
      case "dyn":
        return looks("dyn2")
      case "dyn2": {
        if (!whole(s, w, M === "look-then-create-dynamic")) return dead("its folder is gone")
        const no = x.m.top + 1
        return step(`puts dynamic segment ${no} in its place`, (t) => {
          const inode = t.files.length
          t.files = [...t.files, []]
          t.epochs = [...t.epochs, x.m.e]
          t.dyn[no] = inode
          setW(
            t,
            w,
            M === "changed-to-before-it-is-listed" && x.pc === "run"
              ? { bg: "list", no, ready: inode, file: inode }
              : { bg: "list", no, ready: inode }
          )
        })
      }
      case "list":
      case "list+":
      case "list!":
        return appendMeta(
          s,
          w,
          step,
          dead,
          "list",
          (t) => {
            const { ready, pc } = t.W[w]
            // Changed to between two batches, and only now that it is listed.
            setW(t, w, {
              bg: "wait",
              old: x.m.dyns.slice(0, -1),
              ready: -1,
              ...(pc === "run" ? { file: ready } : { next: ready })
            })
          },
          (m) => ({ ...m, dyns: [...m.dyns, [x.no, null]], top: x.no })
        )
      case "wait":
        if (x.next >= 0) return
        return step("has changed to it", (t) => setW(t, w, { bg: "seg" }))
      // what the old ones hold goes into a segment
      case "seg":
        return looks("seg2")
      case "seg2":
      case "un2": {
        if (!whole(s, w, M === "look-then-rename-segment" || (x.bg === "un2" && M === "look-then-unlink")))
          return dead("its folder is gone")
        const listed = x.bg === "un2" ? x.m.dyns : x.old
        if (listed.some(([no]) => s.dyn[no] === undefined)) return dead("a dynamic segment is gone")
        const committed = listed.flatMap(([no, limit]) =>
          s.files[s.dyn[no]].filter((b) => !b.torn && b.n <= (limit ?? x.n))
        )
        const batches = committed.filter((b) => b.n > x.tape.last)
        const end = committed.at(-1) ?? { n: x.m.an, id: x.m.aid }
        return step(`puts ${segName} in its place`, (t) => {
          const content = batches.map((b) => b.id).join()
          t.segs[segName] = content
          setW(t, w, {
            bg: x.bg === "un2" ? "un3" : "tape",
            seg: content,
            ...(x.bg === "un2" ? {} : { scan: { n: end.n, id: end.id } })
          })
        })
      }
      case "un":
        return looks("un2")
      case "un3":
        return looks("un4")
      case "un4":
        if (!whole(s, w, M === "look-then-unlink")) return dead("its folder is gone")
        return step(`unlinks ${segName} again`, (t) => {
          delete t.segs[segName]
          setW(t, w, { bg: "", seg: undefined })
        })
      case "tape":
        return looks("tape2")
      case "tape2":
        if (!whole(s, w, M === "look-then-rename-tape-meta")) return dead("its folder is gone")
        return step("puts tape meta in its place", (t) => {
          const tape = x.seg === "" ? x.tape : { segs: [...x.tape.segs, [segName, x.seg]], last: x.scan.n }
          t.tape = tape
          setW(t, w, { tape, bg: "closed", seg: undefined })
        })
      case "closed":
      case "closed+":
      case "closed!":
        return appendMeta(
          s,
          w,
          step,
          dead,
          "closed",
          (t) => setW(t, w, { bg: "drop", scan: undefined }),
          (m) => ({ ...m, an: x.scan.n, aid: x.scan.id, dyns: m.dyns.slice(x.old.length) })
        )
      case "drop":
        return looks("drop2")
      case "drop2":
        if (!whole(s, w, M === "look-then-unlink")) return dead("its folder is gone")
        return step(`drops ${x.old.map(([no]) => no)}`, (t) => {
          for (const [no] of x.old) delete t.dyn[no]
          setW(t, w, { bg: "", old: undefined })
        })
      // lib meta has become long
      case "rw":
        return looks("rw2")
      case "rw2":
        if (!whole(s, w, M === "look-then-rename-meta")) return dead("its folder is gone")
        return step("puts a shorter lib meta in its place", (t) => {
          t.metas = [...t.metas, { ...x.m }]
          t.meta = t.metas.length - 1
          setW(t, w, { bg: "", m: t.metas[t.meta], mi: t.meta })
        })
    }
  }

  // ---- depth first
  const keyOf = (s) => {
    // Inodes that nothing names any more are left out, the others numbered as they are met.
    const files = new Map()
    const metas = new Map()
    const f = (i) => {
      if (i < 0 || i === undefined) return "-"
      if (!files.has(i)) files.set(i, files.size)
      return files.get(i)
    }
    const g = (i) => {
      if (i < 0 || i === undefined) return "-"
      if (!metas.has(i)) metas.set(i, metas.size)
      return metas.get(i)
    }
    const d = Object.keys(s.dyn)
      .toSorted()
      .map((k) => `${k}=${f(s.dyn[k])}`)
      .join()
    const m = g(s.meta)
    let k = `${s.lock}|${s.drops}|${s.folders}|${s.owners}|${d}|${m}|${JSON.stringify(s.tape)}|${JSON.stringify(s.segs)}|${s.acked}|`
    for (const x of s.W) {
      k += `${x.pc},${x.bg},${x.seen},${x.left},${x.closes},${x.rewrites},${x.undos},${x.n},${x.id},${f(x.file)},${x.no},${f(x.ready)},${f(x.next)},${x.pc === "dead" || x.mi < 0 ? "-" : g(x.mi)},${x.seg},`
      k += `${JSON.stringify(x.m)}${x.pc === "decide" ? s.metas[s.meta] === x.m : ""}${JSON.stringify(x.scan)}${JSON.stringify(x.old)}${x.tape === undefined || x.tape === s.tape ? "" : JSON.stringify(x.tape)};`
    }
    for (const i of files.keys()) k += `${s.epochs[i]}${JSON.stringify(s.files[i])}`
    for (const i of metas.keys()) k += JSON.stringify(s.metas[i])
    return k
  }
  const cap = 1 << 24
  const table = new Float64Array(cap)
  let size = 0
  const add = (t) => {
    let a = 0x9e3779b9,
      b = 0x85ebca6b
    for (let i = 0; i < t.length; i++) {
      const c = t.charCodeAt(i)
      a = Math.imul(a ^ c, 0x01000193)
      b = Math.imul(b ^ c, 0x5bd1e995)
      b ^= b >>> 13
    }
    a = Math.imul(a ^ (a >>> 16), 0x7feb352d)
    b = Math.imul(b ^ (b >>> 15), 0x2c1b3c6d)
    a ^= b >>> 11
    b ^= a << 7
    const v = ((a >>> 0) & 0xfffff) * 4294967296 + (b >>> 0) + 1
    let at = (a ^ Math.imul(b, 31)) & (cap - 1)
    while (table[at] !== 0) {
      if (table[at] === v) return false
      at = (at + 1) & (cap - 1)
    }
    table[at] = v
    size++
    return true
  }
  const began = Date.now()
  let transitions = 0
  let violation
  const stack = [{ s: start(), path: undefined }]
  add(keyOf(stack[0].s))
  const tell = (path) => {
    const out = []
    for (let p = path; p !== undefined; p = p.before) out.push(p.what)
    return out.toReversed()
  }
  let at
  try {
    while (stack.length > 0 && size < MAXSTATES) {
      const { s, path } = stack.pop()
      at = path
      const emit = (t, what) => {
        transitions++
        if (!add(keyOf(t))) return
        at = { what, before: path }
        check(t)
        stack.push({ s: t, path: at })
        at = path
      }
      succ(s, (t, what) => emit(t, what))
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    violation = { why: error.message, trace: tell(at) }
  }
  return {
    name,
    mutant: M,
    states: size,
    transitions,
    complete: stack.length === 0 && violation === undefined,
    violation,
    ms: Date.now() - began
  }
}

const show = (r) => {
  const head = `${r.name.padEnd(21)} ${(r.mutant ?? "").padEnd(38)} ${String(r.states).padStart(9)} states ${String(r.transitions).padStart(10)} steps ${(r.ms / 1000).toFixed(1).padStart(6)} s  `
  console.log(
    head +
      (r.violation
        ? `FOUND: ${r.violation.why} (${r.violation.trace.length} steps)`
        : r.complete
          ? "complete, no violation"
          : "stopped at the limit, no violation")
  )
}
const [, , what, mutant] = process.argv
if (what === "mutants") {
  let missed = 0
  for (const [name, where] of Object.entries(mutants)) {
    let found = false
    for (const scenario of where) {
      const r = explore(scenario, name)
      show(r)
      if (r.violation) {
        found = true
        break
      }
    }
    if (!found) {
      missed++
      console.log(`NOT FOUND: ${name}`)
    }
  }
  console.log(
    `${Object.keys(mutants).length - missed} of ${Object.keys(mutants).length} mutants found; said to be harmless:`
  )
  for (const [name, where] of Object.entries(harmless)) for (const scenario of where) show(explore(scenario, name))
  process.exitCode = missed === 0 ? 0 : 1
} else if (what !== undefined) {
  const r = explore(what, mutant)
  show(r)
  if (r.violation) console.log(r.violation.trace.map((t, n) => `  ${n + 1}. ${t}`).join("\n"))
} else for (const name of Object.keys(scenarios)) show(explore(name, undefined))

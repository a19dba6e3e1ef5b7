/** Milliseconds of one segment on a core, by pass. */
export interface PassCosts {
  /** A step of one sequence. */
  readonly one: number;
  /** A step of one group of sequences. */
  readonly group: number;
  /** A step of all sequences. */
  readonly all: number;
  /** Pieces of a prompt, in their order: attention makes later ones slower. */
  readonly pieces: readonly number[];
}

/** A model whose segments have a machine each. The last segment is the leader's. */
export interface Chain {
  /** By segment. */
  readonly costs: readonly PassCosts[];
  /** Signature and check of a pass. */
  readonly guard: { readonly stepMs: number; readonly pieceMs: number };
  /** Bytes of a row. */
  readonly rowBytes: number;
}

/** A link between the leader and a shard. */
export interface SimulatedLink {
  readonly oneWayMs: number;
  /** Megabits per second, each way. */
  readonly mbit: number;
}

/** Work that a pass does in one place: a machine, or one direction of the leader's link. */
interface Stage {
  readonly place: string;
  readonly busyMs: number;
  /** Time to the next place. */
  readonly thenMs: number;
}

interface SimulatedPass {
  readonly stages: readonly Stage[];
  /** Names the passes that have to end before this one begins. */
  readonly after: readonly number[];
}

/** Lists the stages of a pass: the leader sends to each shard in turn, and each answers. */
function listStages(
  { costs, guard, rowBytes }: Chain,
  {
    cost,
    rows,
    isPiece,
    link,
  }: {
    readonly cost: (costs: PassCosts) => number;
    readonly rows: number;
    readonly isPiece: boolean;
    readonly link: SimulatedLink;
  },
): Stage[] {
  const guardMs = isPiece ? guard.pieceMs : guard.stepMs;
  const wireMs = (bytes: number): number => (8 * bytes) / (1000 * link.mbit);
  const leader = costs.length - 1;
  return costs.flatMap((segment, i): Stage[] => {
    if (i === leader) return [{ place: 'machine of the leader', busyMs: cost(segment) + leader * guardMs, thenMs: 0 }];
    return [
      { place: 'link out', busyMs: wireMs(rows * (i === 0 ? 4 : rowBytes)), thenMs: link.oneWayMs },
      { place: `machine ${i}`, busyMs: cost(segment) + guardMs, thenMs: 0 },
      { place: 'link in', busyMs: wireMs(rows * rowBytes), thenMs: link.oneWayMs },
    ];
  });
}

/** Plays passes whose stages take their places in the order of arrival. @returns milliseconds until the last one ends. */
function simulate(passes: readonly SimulatedPass[]): number {
  const freeAt = new Map<string, number>();
  const ends: (number | undefined)[] = passes.map(() => undefined);
  const begun = passes.map(() => false);
  const queue: { readyMs: number; pass: number; stage: number }[] = [];
  const begin = (): void => {
    passes.forEach(({ after }, pass) => {
      const waited = after.map((other) => ends[other]);
      if (begun[pass] || waited.includes(undefined)) return;
      begun[pass] = true;
      queue.push({ readyMs: Math.max(0, ...(waited as number[])), pass, stage: 0 });
    });
  };
  begin();
  for (;;) {
    queue.sort((a, b) => a.readyMs - b.readyMs || a.pass - b.pass);
    const next = queue.shift();
    if (next === undefined) return Math.max(...(ends as number[]));
    const { pass, stage } = next;
    const { stages } = passes[pass] as SimulatedPass;
    const { place, busyMs, thenMs } = stages[stage] as Stage;
    const endMs = Math.max(next.readyMs, freeAt.get(place) ?? 0) + busyMs;
    freeAt.set(place, endMs);
    if (stage + 1 < stages.length) queue.push({ readyMs: endMs + thenMs, pass, stage: stage + 1 });
    else {
      ends[pass] = endMs;
      begin();
    }
  }
}

const STEPS = 60;

/** Plays steps of several groups of sequences. @returns milliseconds of a step of every group. */
export function simulateSteps(
  chain: Chain,
  {
    kind,
    rows,
    groups,
    link,
  }: {
    readonly kind: 'one' | 'group' | 'all';
    readonly rows: number;
    readonly groups: number;
    readonly link: SimulatedLink;
  },
): number {
  const stages = listStages(chain, { cost: (costs) => costs[kind], rows, isPiece: false, link });
  const passes = Array.from({ length: groups * STEPS }, (_, i) => ({ stages, after: i < groups ? [] : [i - groups] }));
  return simulate(passes) / STEPS;
}

/** Plays the pieces of a prompt and the step of the first token. @param ahead pieces that are in flight beside the first one. */
export function simulatePrompt(
  chain: Chain,
  { pieceRows, ahead, link }: { readonly pieceRows: number; readonly ahead: number; readonly link: SimulatedLink },
): number {
  const count = (chain.costs[0] as PassCosts).pieces.length;
  const pieces = Array.from({ length: count }, (_, i) => ({
    stages: listStages(chain, {
      cost: ({ pieces: costs }) => costs[i] as number,
      rows: pieceRows,
      isPiece: true,
      link,
    }),
    after: i > ahead ? [i - ahead - 1] : [],
  }));
  const step = {
    stages: listStages(chain, { cost: ({ one }) => one, rows: 1, isPiece: false, link }),
    after: count > ahead ? [count - ahead - 1] : [],
  };
  return simulate([...pieces, step]);
}

import type { RunOutcome, UsedByThen } from '../run.ts';
import { describeSize, type NetworkSize, planScale, type ScaleWish, timesOf } from './scale-plan.ts';

/** Measured resources of a network of one size. */
export interface SizeRow {
  readonly size: string;
  readonly validators: number;
  readonly providers: number;
  readonly consumers: number;
  readonly requests: number;
  readonly answered: number;
  readonly settled: number;
  readonly broken: readonly string[];
  /** Reason to distrust some figures. Such a row is in the table, but no estimate uses it. */
  readonly doubt?: string;
  readonly epochs: number;
  readonly settleS: number;
  readonly settleP95S: number;
  /** Commitments of verifiers. */
  readonly auditsAReply: number;
  /** Traffic above that of the network at rest. */
  readonly kilobytesAReply: number;
  /** Traffic of the largest calls. Rows of older versions lack it. */
  readonly kilobytesByCall?: Readonly<Record<string, number>>;
  /** Processor time of all roles above that of the network at rest. */
  readonly cpuMsAReply: number;
  /** Of a second at rest, of the whole network. */
  readonly idleCpuMsASecond: number;
  readonly idleKilobytesASecond: number;
  /** The same, for each validator. */
  readonly idleKilobytesAValidator: number;
  /** Virtual. */
  readonly simulatedS: number;
  readonly cpuS: number;
  readonly residentMiB: number;
}

const KIB = 1_024;
const bytesOf = ({ methods }: UsedByThen): number => Object.values(methods).reduce((sum, { bytes }) => sum + bytes, 0);
const round = (value: number, digits = 1): number => Number(value.toFixed(digits));

/** Runs it in this process. */
export async function measureSize(size: NetworkSize, wish: ScaleWish & { readonly seed: number }): Promise<SizeRow> {
  const { runPlan } = await import('../run.ts');
  const plan = planScale(size, wish);
  const { warmMs, idleMs } = timesOf(size, wish);
  const outcome = await runPlan(plan, { marksMs: [warmMs, idleMs] });
  return describeOutcome(size, outcome);
}

const MOST_CALLS = 6;

/** The calls with the most of something, by the name of service and method. */
function listCalls(read: (method: string) => number, methods: readonly string[]): Record<string, number> {
  const each = methods.map((method) => [method.replace(/^.*\./, ''), read(method)] as const);
  return Object.fromEntries(each.sort(([, a], [, b]) => b - a).slice(0, MOST_CALLS));
}

function describeOutcome(size: NetworkSize, outcome: RunOutcome): SizeRow {
  const [warm, idle, end] = outcome.marks as [UsedByThen, UsedByThen, UsedByThen];
  const idleS = (idle.atMs - warm.atMs) / 1_000;
  const busyS = (end.atMs - idle.atMs) / 1_000;
  const idleBytes = (bytesOf(idle) - bytesOf(warm)) / idleS;
  const idleCpu = (idle.cpuMs - warm.cpuMs) / idleS;
  const over = (used: number, atRest: number): number =>
    Math.max(0, used - atRest * busyS) / Math.max(1, outcome.settled);
  const commits = Object.entries(end.methods)
    .filter(([name]) => name.endsWith('VerifierService/Commit'))
    .reduce((sum, [, { calls }]) => sum + calls, 0);
  return {
    ...{ size: describeSize(size), ...size, requests: outcome.plan.requests.length, answered: outcome.answers.ok },
    ...{ settled: outcome.settled, broken: outcome.violations.map(({ invariant }) => invariant) },
    simulatedS: round(outcome.virtualMs / 1_000),
    ...{ epochs: outcome.epochs, settleS: round(outcome.settleMs / 1_000) },
    settleP95S: round(outcome.settleP95Ms / 1_000),
    auditsAReply: round(commits / Math.max(1, outcome.settled), 2),
    kilobytesAReply: round(over(bytesOf(end) - bytesOf(idle), idleBytes) / KIB),
    kilobytesByCall: listCalls((name) => {
      const bytesAt = ({ methods }: UsedByThen): number => methods[name]?.bytes ?? 0;
      const atRest = (bytesAt(idle) - bytesAt(warm)) / idleS;
      return round(over(bytesAt(end) - bytesAt(idle), atRest) / KIB);
    }, Object.keys(end.methods)),
    cpuMsAReply: round(over(end.cpuMs - idle.cpuMs, idleCpu)),
    idleCpuMsASecond: round(idleCpu),
    idleKilobytesASecond: round(idleBytes / KIB),
    idleKilobytesAValidator: round(idleBytes / KIB / size.validators),
    cpuS: round(outcome.cpuMs / 1_000),
    residentMiB: Math.round(process.resourceUsage().maxRSS / KIB),
  };
}

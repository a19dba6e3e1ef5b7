import { ANSWERING_ROUTES } from '@ogong/protocol/http/routes';
import { groupSamples, type Sample, sumSamples } from './metrics-text.ts';

/** Figures of one daemon at one time. */
export interface DaemonReading {
  readonly name: string;
  readonly atMs: number;
  readonly samples: readonly Sample[];
  /** Why there is none. */
  readonly problem?: string;
}

export interface DaemonRow {
  readonly name: string;
  readonly role: string;
  readonly isUp: boolean;
  readonly problem?: string;
  /** Work of the role in a second: requests, matches, replies, jobs, verdicts. Null before there are two readings. */
  readonly perSecond: number | null;
  readonly total: number;
  /** Running and waiting work, by name. */
  readonly queues: Readonly<Record<string, number>>;
  /** Errors since the daemon started, by name. */
  readonly errors: Readonly<Record<string, number>>;
  readonly uptimeS: number | null;
  readonly memoryMb: number | null;
  /** Share of one core. Null before there are two readings. */
  readonly processor: number | null;
  /** The 99th percentile, ms. */
  readonly lagMs: number | null;
}

export interface TopReport {
  readonly daemons: readonly DaemonRow[];
  readonly repliesPerSecond: number | null;
  readonly epoch: number | null;
  /** Entries of the verdict logs, by verdict. */
  readonly verdicts: Readonly<Record<string, number>>;
  readonly audits: { readonly scored: number; readonly failed: number; readonly waiting: number };
  readonly batchesSettled: number;
  readonly money: {
    /** Debt of gateways, atomic units. */
    readonly feesAtomic: number;
    /** Of all providers, by state, OGONG. */
    readonly earningsOgong: Readonly<Record<string, number>>;
  };
}

interface RoleView {
  /** The counter of what the role does. */
  readonly work: (samples: readonly Sample[]) => number;
  readonly queues: Readonly<Record<string, string>>;
  readonly errors: (samples: readonly Sample[]) => Record<string, number>;
}

const of = (name: string, label: string, value: string) => (samples: readonly Sample[]) =>
  sumSamples(samples, name, (labels) => labels[label] === value);

const ROLES: Readonly<Record<string, RoleView>> = {
  gateway: {
    work: (samples) =>
      sumSamples(samples, 'http_requests_total', ({ route = '' }) => Object.hasOwn(ANSWERING_ROUTES, route)),
    queues: { running: 'requests_running', complaints: 'complaints_waiting' },
    errors: (samples) => ({
      '5xx': sumSamples(samples, 'http_requests_total', ({ status = '' }) => status.startsWith('5')),
      faults: sumSamples(samples, 'provider_faults_total'),
      misrouted: sumSamples(samples, 'misrouted_total'),
    }),
  },
  router: {
    work: of('router_matches_total', 'outcome', 'matched'),
    queues: { tickets: 'router_open_tickets', providers: 'router_providers' },
    errors: (samples) => ({ unmatched: of('router_matches_total', 'outcome', 'refused')(samples) }),
  },
  provider: {
    work: of('provider_replies_total', 'outcome', 'served'),
    queues: { active: 'provider_active_replies', records: 'provider_outbox_records' },
    errors: (samples) => ({
      failed: of('provider_replies_total', 'outcome', 'failed')(samples),
      refused: of('provider_replies_total', 'outcome', 'refused')(samples),
      'records refused': of('provider_records_total', 'outcome', 'refused')(samples),
    }),
  },
  verifier: {
    work: of('verifier_jobs_total', 'outcome', 'scored'),
    queues: { waiting: 'verifier_waiting_jobs' },
    errors: (samples) => ({
      failed: of('verifier_jobs_total', 'outcome', 'failed')(samples),
      refused: of('verifier_jobs_total', 'outcome', 'refused')(samples),
    }),
  },
  validator: {
    work: (samples) => sumSamples(samples, 'validator_verdicts_total'),
    queues: { open: 'validator_open_replies' },
    errors: (samples) => ({
      rejected: of('validator_verdicts_total', 'verdict', 'reject')(samples),
      abandoned: of('validator_verdicts_total', 'verdict', 'abandoned')(samples),
      uncollectable: sumSamples(samples, 'validator_replies_uncollectable_total'),
    }),
  },
  relay: {
    work: of('relay_links_total', 'outcome', 'joined'),
    queues: { nodes: 'relay_nodes' },
    errors: () => ({}),
  },
};

/** @param before the same daemons a while ago; empty if this is the first reading. */
export function summarize(now: readonly DaemonReading[], before: readonly DaemonReading[]): TopReport {
  const earlier = new Map(before.map((reading) => [reading.name, reading]));
  const daemons = now.map((reading) => describe(reading, earlier.get(reading.name)));
  const all = now.flatMap(({ samples }) => samples);
  const gateways = daemons.filter(({ role }) => role === 'gateway');
  const rates = gateways.map(({ perSecond }) => perSecond);
  const epochs = all.filter(({ name }) => name === 'ogong_validator_beacon_epoch').map(({ value }) => value);
  return {
    daemons,
    repliesPerSecond:
      rates.length === 0 || rates.includes(null) ? null : rates.reduce<number>((a, b) => a + (b ?? 0), 0),
    epoch: epochs.length === 0 ? null : Math.max(...epochs),
    verdicts: groupSamples(all, 'validator_verdicts_total', 'verdict'),
    audits: {
      scored: of('verifier_jobs_total', 'outcome', 'scored')(all),
      failed: of('verifier_jobs_total', 'outcome', 'failed')(all),
      waiting: sumSamples(all, 'verifier_waiting_jobs'),
    },
    batchesSettled: sumSamples(all, 'validator_batches_settled_total'),
    money: {
      feesAtomic: sumSamples(all, 'fees_atomic_total'),
      earningsOgong: groupSamples(all, 'provider_earnings_ogong', 'state'),
    },
  };
}

function describe({ name, atMs, samples, problem }: DaemonReading, before: DaemonReading | undefined): DaemonRow {
  const role = samples.map(({ labels: { role: own } }) => own).find((own) => own !== undefined) ?? 'unknown';
  const view = ROLES[role];
  const total = view?.work(samples) ?? 0;
  const seconds = before && before.problem === undefined ? (atMs - before.atMs) / 1_000 : 0;
  // A counter that fell begins anew: the daemon was started again.
  const perSecond = (value: number, old: number): number | null =>
    seconds > 0 ? Math.max(0, value >= old ? value - old : value) / seconds : null;
  const started = one(samples, 'process_start_time_seconds');
  const lag = one(samples, 'nodejs_eventloop_lag_p99_seconds');
  const memory = one(samples, 'process_resident_memory_bytes');
  const busy = 'process_cpu_seconds_total';
  return {
    ...{ name, role, total, isUp: problem === undefined },
    ...(problem !== undefined && { problem }),
    perSecond: before && view ? perSecond(total, view.work(before.samples)) : null,
    queues: Object.fromEntries(
      Object.entries(view?.queues ?? {}).map(([key, gauge]) => [key, sumSamples(samples, gauge)]),
    ),
    errors: Object.fromEntries(Object.entries(view?.errors(samples) ?? {}).filter(([, count]) => count > 0)),
    uptimeS: started === undefined ? null : Math.max(0, Math.round(atMs / 1_000 - started)),
    memoryMb: memory === undefined ? null : Math.round(memory / 1e6),
    processor: before ? perSecond(sumSamples(samples, busy), sumSamples(before.samples, busy)) : null,
    lagMs: lag === undefined ? null : Math.round(lag * 1_000),
  };
}

function one(samples: readonly Sample[], name: string): number | undefined {
  const value = samples.find((sample) => sample.name === `ogong_${name}`)?.value;
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

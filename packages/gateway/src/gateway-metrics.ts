import type { AnsweredRequest } from '@ogong/host/http/api-app';
import type { Metrics } from '@ogong/host/metrics/metrics';

export interface GatewayMetrics {
  countAnswered(request: Pick<AnsweredRequest, 'route' | 'status' | 'durationMs'>): void;
  countFault(reason: string): void;
  countMisrouted(): void;
  countAhead(outcome: 'used' | 'missed' | 'unused'): void;
  countHedge(outcome: 'sent' | 'won' | 'lost' | 'failed'): void;
  countDelivery(outcome: string): void;
  countOther(): void;
  /** Counts a fee for an order that brought no answer. */
  countUnanswered(): void;
  /** Counts an amount that a validator drew and that no known order explains. */
  countUnexplained(amountAtomic: bigint): void;
  countVerdict(verdict: string, feeAtomic: bigint): void;
  watch(sources: { running: () => number; complaints: () => Promise<number> }): void;
}

export function createGatewayMetrics(metrics: Metrics): GatewayMetrics {
  const exchanges = metrics.counter('http_requests_total', 'HTTP requests answered', ['route', 'status']);
  const durations = metrics.histogram('http_request_seconds', 'Time to the end of the answer', ['route']);
  const faults = metrics.counter('provider_faults_total', 'Providers that failed a reply', ['reason']);
  const misrouted = metrics.counter('misrouted_total', 'Tickets by which the router misrouted, by its own signatures');
  const ahead = metrics.counter(
    'tickets_ahead_total',
    'Requests that found a ticket drawn ahead (used) or none (missed), and tickets given back unused',
    ['outcome'],
  );
  const hedges = metrics.counter(
    'hedges_total',
    'Second orders of a request whose first had shown nothing (sent): taken (won), not taken (lost), or nobody served it (failed)',
    ['outcome'],
  );
  const verdicts = metrics.counter('verdicts_total', 'Final verdicts on ordered replies', ['verdict']);
  const deliveries = metrics.counter('deliveries_acknowledged_total', 'Answers of validators to deliveries', [
    'outcome',
  ]);
  const others = metrics.counter(
    'verdicts_on_others_total',
    'Verdicts that ask money for another record than was delivered, or for a refused order',
  );
  const unanswered = metrics.counter(
    'unanswered_fees_total',
    'Fees of orders that brought no answer, though no provider had refused them',
  );
  const unexplained = metrics.counter(
    'unexplained_draws_atomic_total',
    'Amounts that validators drew and that no known order explains, atomic units',
  );
  const fees = metrics.counter('fees_atomic_total', 'Fees owed for ordered replies, atomic units');
  const running = metrics.gauge('requests_running', 'Inference requests in progress');
  const complaints = metrics.gauge('complaints_waiting', 'Complaints that no validator has heard yet');
  return {
    countAnswered({ route, status, durationMs }) {
      exchanges.inc({ route, status: String(status) });
      durations.observe({ route }, durationMs / 1000);
    },
    countFault: (reason) => faults.inc({ reason }),
    countMisrouted: () => misrouted.inc(),
    countAhead: (outcome) => ahead.inc({ outcome }),
    countHedge: (outcome) => hedges.inc({ outcome }),
    countDelivery: (outcome) => deliveries.inc({ outcome }),
    countOther: () => others.inc(),
    countUnanswered: () => unanswered.inc(),
    countUnexplained: (amountAtomic) => unexplained.inc(Number(amountAtomic)),
    countVerdict(verdict, feeAtomic) {
      verdicts.inc({ verdict });
      fees.inc(Number(feeAtomic));
    },
    watch(sources) {
      Object.assign(running, { collect: () => running.set(sources.running()) });
      Object.assign(complaints, { collect: async () => complaints.set(await sources.complaints()) });
    },
  };
}

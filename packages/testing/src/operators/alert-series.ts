/** A series in promtool's format: its labels, and a value a minute. */
interface Series {
  readonly series: string;
  readonly values: string;
}

const grows = (series: string, perMinute: number): Series => ({ series, values: `0+${perMinute}x180` });
const stays = (series: string, value: number): Series => ({ series, values: `${value}x180` });
const requests = (labels: string): string => `ogong_http_requests_total{role="gateway",${labels}}`;
const SLOW = 'ogong_http_request_seconds_bucket{role="gateway",route="chat",le=';
const BATCHES = 'ogong_validator_batches_settled_total{instance="a"}';
const COSIGNED = 'ogong_validator_batches_cosigned_total{outcome=';
const LINKS = 'ogong_relay_links_total{instance="a",outcome=';
const JUDGED = 'ogong_validator_verdicts_total{instance="a",verdict="accept"}';
const FAILED = 'ogong_verifier_jobs_total{outcome="failed"}';

/** For each alert, a fault of three hours and the healthy state, as metrics of the daemons. */
export const ALERT_SERIES: Readonly<
  Record<string, { readonly bad: readonly Series[]; readonly good: readonly Series[] }>
> = {
  GatewayErrors: {
    bad: [grows(requests('status="502"'), 10), grows(requests('status="200"'), 90)],
    good: [grows(requests('status="502"'), 1), grows(requests('status="200"'), 99)],
  },
  GatewaySlow: {
    bad: [grows(`${SLOW}"60"}`, 80), grows(`${SLOW}"120"}`, 100), grows(`${SLOW}"+Inf"}`, 100)],
    good: [grows(`${SLOW}"60"}`, 99), grows(`${SLOW}"120"}`, 100), grows(`${SLOW}"+Inf"}`, 100)],
  },
  GatewayRefusesCallers: {
    bad: [grows(requests('status="429"'), 30), grows(requests('status="200"'), 70)],
    good: [grows(requests('status="429"'), 10), grows(requests('status="200"'), 90)],
  },
  ComplaintsWait: { bad: [stays('ogong_complaints_waiting', 11)], good: [stays('ogong_complaints_waiting', 10)] },
  ProvidersFail: {
    bad: [grows('ogong_provider_faults_total{reason="timeout"}', 7)],
    good: [grows('ogong_provider_faults_total{reason="timeout"}', 5)],
  },
  RouterMisroutes: { bad: [grows('ogong_misrouted_total', 1)], good: [stays('ogong_misrouted_total', 3)] },
  VerdictOnAnotherRecord: {
    bad: [grows('ogong_verdicts_on_others_total', 1)],
    good: [stays('ogong_verdicts_on_others_total', 3)],
  },
  UnansweredOrdersCharged: {
    bad: [grows('ogong_unanswered_fees_total', 11)],
    good: [grows('ogong_unanswered_fees_total', 10)],
  },
  UnexplainedDraws: {
    bad: [grows('ogong_unexplained_draws_atomic_total', 1)],
    good: [stays('ogong_unexplained_draws_atomic_total', 3)],
  },
  RepliesRejected: {
    bad: [grows('ogong_verdicts_total{verdict="reject"}', 3), grows('ogong_verdicts_total{verdict="accept"}', 97)],
    good: [grows('ogong_verdicts_total{verdict="reject"}', 1), grows('ogong_verdicts_total{verdict="accept"}', 99)],
  },
  NoProviders: { bad: [stays('ogong_router_providers', 0)], good: [stays('ogong_router_providers', 1)] },
  RecordsWait: {
    bad: [stays('ogong_provider_outbox_records', 101)],
    good: [stays('ogong_provider_outbox_records', 100)],
  },
  VerifierBehind: {
    bad: [stays('ogong_verifier_waiting_jobs', 51)],
    good: [stays('ogong_verifier_waiting_jobs', 50)],
  },
  VerifierFails: { bad: [grows(FAILED, 2)], good: [grows(FAILED, 1)] },
  BeaconStands: {
    bad: [stays('ogong_validator_beacon_epoch', 7)],
    good: [grows('ogong_validator_beacon_epoch', 1)],
  },
  BeaconSharesLacking: {
    bad: [stays('ogong_validator_beacon_shares_lacking', 1)],
    good: [stays('ogong_validator_beacon_shares_lacking', 0)],
  },
  SettlementStands: {
    bad: [grows(JUDGED, 1), stays(BATCHES, 3)],
    good: [grows(JUDGED, 1), grows(BATCHES, 1)],
  },
  CosignersRefuse: {
    bad: [grows(`${COSIGNED}"refuted"}`, 1)],
    good: [grows(`${COSIGNED}"signed"}`, 1), stays(`${COSIGNED}"refuted"}`, 3)],
  },
  RepliesUncollectable: {
    bad: [grows('ogong_validator_replies_uncollectable_total', 1)],
    good: [stays('ogong_validator_replies_uncollectable_total', 3)],
  },
  RelayRefusesLinks: {
    bad: [grows(`${LINKS}"busy"}`, 6), grows(`${LINKS}"joined"}`, 4)],
    good: [grows(`${LINKS}"busy"}`, 4), grows(`${LINKS}"joined"}`, 6)],
  },
  PinEpochsMissed: {
    bad: [grows('ogong_pin_epochs_missed_total', 1)],
    good: [stays('ogong_pin_epochs_missed_total', 3)],
  },
  PinsDamaged: { bad: [stays('ogong_damaged_pins', 1)], good: [stays('ogong_damaged_pins', 0)] },
  EventLoopLate: {
    bad: [stays('ogong_nodejs_eventloop_lag_p99_seconds', 2)],
    good: [stays('ogong_nodejs_eventloop_lag_p99_seconds', 1)],
  },
  DaemonRestarts: {
    bad: [grows('ogong_process_start_time_seconds', 60)],
    good: [stays('ogong_process_start_time_seconds', 60)],
  },
};

import type { Metrics } from '@ogong/host/metrics/metrics';

export type ValidatorMetrics = ReturnType<typeof createValidatorMetrics>;

export function createValidatorMetrics({ counter, gauge, histogram, steps }: Metrics) {
  return {
    steps,
    admitted: counter('validator_orders_admitted_total', 'Orders admitted'),
    records: counter('validator_records_total', 'Records acknowledged'),
    deliveries: counter('validator_deliveries_total', 'Deliveries that payers reported, by outcome', ['outcome']),
    verdicts: counter('validator_verdicts_total', 'Entries of the verdict log', ['verdict']),
    complaints: counter('validator_complaints_total', 'Complaints by outcome', ['outcome']),
    open: gauge('validator_open_replies', 'Admitted replies that have not settled'),
    batches: counter('validator_batches_settled_total', 'Batches settled'),
    uncollectable: counter('validator_replies_uncollectable_total', 'Replies settled without their fee'),
    cosigned: counter('validator_batches_cosigned_total', 'Batches of peers that were signed or refused', ['outcome']),
    uncompared: counter(
      'validator_entries_uncompared_total',
      'Signed entries of peers whose candidate lists this validator had nothing to compare with',
    ),
    handed: counter(
      'validator_announcements_handed_total',
      'Announcements of staked verifiers that only other validators sent',
    ),
    unread: counter(
      'validator_announcements_unread_total',
      'Forwarded announcements that this program cannot read; some may be of a later release',
    ),
    witnesses: counter('validator_witness_answers_total', 'Answers of witnesses to this validator', ['answer']),
    witnessed: counter('validator_witnessed_total', 'Answers of this validator as a witness', ['answer']),
    timedChallenges: counter('validator_timed_challenges_total', 'Jobs with a deadline that this validator gave', [
      'outcome',
    ]),
    canaries: counter('validator_canaries_total', 'Answers that this validator bought to test a provider', ['outcome']),
    canaryFirstTokens: histogram(
      'validator_canary_first_token_seconds',
      "Time to the first part of such answers, by the gateway's clock",
    ),
    epoch: gauge('validator_beacon_epoch', 'Latest certified epoch'),
    lackingShares: gauge(
      'validator_beacon_shares_lacking',
      "Tickets of this validator without their shares of the beacon's key",
    ),
  };
}

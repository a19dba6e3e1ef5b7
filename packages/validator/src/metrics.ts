import type { Metrics } from '@ogong/host/metrics/metrics';

export type ValidatorMetrics = ReturnType<typeof createValidatorMetrics>;

export function createValidatorMetrics({ counter, gauge, histogram, steps }: Metrics) {
  return {
    steps,
    admitted: counter('validator_orders_admitted_total', 'Orders admitted'),
    records: counter('validator_records_total', 'Records acknowledged'),
    deliveries: counter('validator_deliveries_total', 'What payers say that they were given, by outcome', ['outcome']),
    verdicts: counter('validator_verdicts_total', 'Entries of the verdict log', ['verdict']),
    complaints: counter('validator_complaints_total', 'Complaints by outcome', ['outcome']),
    open: gauge('validator_open_replies', 'Admitted replies that have not settled'),
    batches: counter('validator_batches_settled_total', 'Batches settled'),
    uncollectable: counter('validator_replies_uncollectable_total', 'Replies settled without their fee'),
    cosigned: counter('validator_batches_cosigned_total', 'Batches of peers that were signed or refused', ['outcome']),
    uncompared: counter(
      'validator_entries_uncompared_total',
      'Entries of peers that were signed with lists of candidates that nothing here could be compared with',
    ),
    handed: counter(
      'validator_announcements_handed_total',
      'Announcements of staked verifiers that came from other validators alone',
    ),
    unread: counter(
      'validator_announcements_unread_total',
      'Announcements that other validators handed on and this program cannot read: some may be of a later release',
    ),
    witnesses: counter('validator_witness_answers_total', 'What witnesses answered to this validator', ['answer']),
    witnessed: counter('validator_witnessed_total', 'What this validator answered as a witness', ['answer']),
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
      "Tickets of this validator's whose shares of the beacon's key it does not have",
    ),
  };
}

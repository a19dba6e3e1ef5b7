/** A piece of code that moves something after an absence, a failure or a refusal. */
export interface Lever {
  /** The text by which its users name it: an identifier, or a call of a method. */
  readonly name: string;
  readonly moves: string;
}

/** Every file that uses one of them stands in a row. */
export const LEVERS: readonly Lever[] = [
  { name: 'computeAbandonmentFine', moves: "a fine from a provider's earnings" },
  { name: 'computeCharge', moves: 'the debt of a key after an audit' },
  { name: 'countEntry', moves: 'sequential tests, audit balances and silent half hours' },
  { name: 'isOutweighedBySilence', moves: 'the verdict of a reply' },
  { name: 'forceAudit', moves: 'a reply into an audit' },
  { name: 'recordVerifier', moves: "one validator's record of a verifier" },
  { name: 'recordMarks', moves: 'the record of verifiers by the marks of an entry' },
  { name: 'markSilence', moves: 'a mark of silence into an entry' },
  { name: 'countSilence', moves: 'a silent half hour into a penalty' },
  { name: 'lowerStake', moves: 'the weight of a stake in draws of verifiers' },
  { name: 'advanceSequentialTest', moves: 'a test of verifiers or of timed work' },
  { name: 'isListLacking', moves: 'an entry out of its log' },
  { name: 'computeReputationPpm', moves: 'the reputation of a provider' },
  { name: 'computeLivenessPpm', moves: 'the share of a reputation that missed tests leave' },
  { name: 'refusals.note', moves: 'the believed free slots of a provider' },
  { name: 'figures.observe', moves: 'the measured speed of a provider' },
  { name: 'demand.note', moves: 'the models that providers fetch' },
  { name: 'accuseProvider', moves: 'a complaint about a provider, and its exclusion' },
  { name: 'reportBroken', moves: 'an outcome that a router receives' },
  { name: 'reportToRouter', moves: 'an outcome that a router receives' },
  { name: 'noteRefused', moves: 'the orders of a gateway to another validator' },
  { name: 'doubted.note', moves: 'a provider out of the draws of sealed calls' },
  { name: 'untaken.note', moves: 'the orders or offers that one payer may still have' },
  { name: 'newcomers.enter', moves: 'the budget of an address' },
  { name: 'pauses.note', moves: 'a member out of a cohort' },
  { name: 'doubted.begin', moves: 'the messages of a validator out of the beacon' },
  { name: 'findUncollectable', moves: 'the debt of a payer out of a batch' },
  { name: '_eject', moves: 'a provider out of the network' },
  { name: 'penalize', moves: "a payee's stake" },
  { name: 'takeBond', moves: "a validator's bond" },
  { name: 'takeStake', moves: 'the stake of a router or payee' },
  { name: 'returnMissed', moves: 'the fee of a pin' },
];

import type { AdminRouteName, GatewayRouteName, HookRouteName } from '@ogong/protocol/http/routes';

/** A request that a daemon accepts, and its cost to the caller. */
interface StrangerRow {
  /** `anyone`: any peer with a certificate of its own, which is free. */
  readonly who: 'anyone' | 'validators' | 'asked peers' | 'served peers' | 'API keys' | 'admin secrets';
  /** State that an answered request leaves; `nothing` if it only reads. */
  readonly changes: string;
  /** Cost to the caller, or the bound. */
  readonly costs: string;
  /** The test that shows it, from the repository's root. */
  readonly shownBy: string;
}

const READS = { who: 'anyone', changes: 'nothing' } as const;
const RATE = 'the calls of a peer and of its addresses are rationed';
const LINKS = 'packages/host/src/link/link-admission.test.ts';
const ACCESS = 'packages/validator/src/access.test.ts';
const FLOODS = 'lab/src/doors/floods.simulation.test.ts';
const ROLES = 'packages/gateway/src/buy/match/attested-roles-http.test.ts';
const INTAKE = 'packages/validator/src/intake/intake.test.ts';
const ORDERS = 'packages/provider/src/shard/shard-orders.test.ts';
const SHARDS = 'packages/provider/src/shard/shard-service.test.ts';
const PROVIDER = 'packages/provider/src/provider/provider.test.ts';

/** By service and method, as the proto file names them. A method without a row fails a test. */
export const METHOD_ROWS: Readonly<Record<string, StrangerRow>> = {
  'ProviderService/Generate': {
    ...{ who: 'anyone', changes: 'a slot, a reply, a debt of the channel', shownBy: PROVIDER },
    costs: 'an order that its payer signed, admitted by a validator, within what the channel holds',
  },
  'ProviderService/GetSealKey': {
    ...READS,
    costs: 'a key that is signed twice an hour, for all callers together',
    shownBy: 'packages/provider/src/provider/orders/seal-keys.test.ts',
  },
  'ProviderService/GetEvidence': {
    ...READS,
    costs: 'a report of the machine; five a second',
    shownBy: 'packages/gateway/src/buy/match/attested-call.test.ts',
  },
  'ProviderService/GetOpening': {
    ...READS,
    costs: 'the consumer of the reply, its validator, and the witnesses whom the beacon draws',
    shownBy: 'packages/provider/src/provider/serving/read-opening.test.ts',
  },
  'ProviderService/GetBlob': {
    ...READS,
    costs: 'as for GetOpening; four calls of one peer at a time',
    shownBy: 'packages/provider/src/provider/serving/read-opening.test.ts',
  },
  'ProviderService/PutMedia': {
    ...{
      who: 'served peers',
      changes: 'the media of a request that the provider waits for',
      shownBy: 'packages/provider/src/provider/orders/media-intake.test.ts',
    },
    costs: 'an order and its payment, before the first piece; each piece once, in order',
  },
  'ProviderService/GetTexts': {
    ...READS,
    costs: 'the validator of the reply, and the witnesses whom the beacon draws',
    shownBy: 'packages/provider/src/provider/serving/read-opening.test.ts',
  },
  'ProviderService/CountTokens': {
    ...READS,
    costs: 'nothing; five a second, and a tenth of the time of a model that is loaded',
    shownBy: 'packages/provider/src/provider/orders/token-counts.test.ts',
  },
  'ProviderService/Progress': {
    ...{ who: 'served peers', changes: 'how much of a running reply its payer has', shownBy: PROVIDER },
    costs: "the payer's signature, over 512 bytes more, or over leaving once",
  },
  'ProviderService/ShowRecord': {
    ...{
      who: 'validators',
      changes: 'nothing',
      costs: 'a registration',
      shownBy: 'packages/provider/src/provider/show-record.test.ts',
    },
  },
  'ProviderService/Trace': {
    ...{
      who: 'validators',
      changes: 'nothing',
      costs: 'one at a time',
      shownBy: 'packages/provider/src/verifier/trace.test.ts',
    },
  },
  'ShardService/Describe': { ...READS, costs: RATE, shownBy: LINKS },
  'ShardService/Agree': {
    ...{ who: 'anyone', changes: 'a sequence of a segment, for 10 s', shownBy: ORDERS },
    costs:
      'an order and terms, signed by a payer and a leader: half of the sequences, that give way to leaders with a bond',
  },
  'ShardService/Admit': {
    ...{ who: 'served peers', changes: 'a sequence of a segment, until the order expires', shownBy: ORDERS },
    costs: 'an order that the shard has agreed to, over the same link, and that its validator has admitted',
  },
  'ShardService/RunPass': {
    ...{ who: 'served peers', changes: 'the rows of an order', shownBy: SHARDS },
    costs: 'an order that the shard has agreed to, over the same link; rows within its limits, signed by their sender',
  },
  'ShardService/Close': {
    ...{ who: 'served peers', changes: 'the end of an order', shownBy: SHARDS },
    costs: 'an order that the shard has agreed to, over the same link',
  },
  'ShardService/Confirm': {
    ...{ who: 'served peers', changes: "the leader's receipt for a root", shownBy: SHARDS },
    costs: 'a root that the shard gave to this link, and a receipt that its leader signed',
  },
  'ShardService/ShowRecord': {
    ...{ who: 'served peers', changes: "the leader's record beside a root, and a mark", shownBy: SHARDS },
    costs: 'a root that the shard gave to this link, and a record that its leader signed',
  },
  'ValidatorService/Admit': {
    ...{ who: 'anyone', changes: 'an open order, a reservation', shownBy: INTAKE },
    costs: "the payer's escrow and the consent of the provider; readings of the chain for new payers are rationed",
  },
  'ValidatorService/PushRecord': {
    ...{ who: 'anyone', changes: 'the record of an admitted order', shownBy: INTAKE },
    costs: "the provider's signature; a second record of an order ejects it",
  },
  'ValidatorService/PushMilestone': {
    ...{ who: 'anyone', changes: 'the part that counts if no record of an admitted order arrives' },
    costs:
      "the provider's signature, and its payer's that it has left; one of a reply is kept, and checked again only where it is longer",
    shownBy: 'packages/validator/src/intake/milestones.test.ts',
  },
  'ValidatorService/Acknowledge': {
    ...{ who: 'anyone', changes: 'the choice of the record that is checked; copies at other validators' },
    costs:
      "the payer's signature about a record that its provider signed, and its validator's that it is paid for; rationed",
    shownBy: 'packages/validator/src/settlement/cosign/contradicting-deliveries.test.ts',
  },
  'ValidatorService/AcknowledgeAll': {
    ...{ who: 'anyone', changes: 'the same, of 32 orders at most' },
    costs: 'of each order what Acknowledge costs; rationed with it',
    shownBy: 'lab/src/doors/told-lists.test.ts',
  },
  'ValidatorService/Complain': {
    ...{ who: 'anyone', changes: 'a forced audit, a conviction', shownBy: INTAKE },
    costs: "the payer's signature; four that find nothing, then a twentieth of its fees",
  },
  'ValidatorService/ProveComplaint': {
    ...{ who: 'asked peers', changes: 'a conviction', shownBy: ACCESS },
    costs: 'a complaint that was taken, and a place of four',
  },
  'ValidatorService/Announce': {
    ...{ who: 'anyone', changes: 'one announcement for each certificate', shownBy: ACCESS },
    costs: "the payee's signature; rationed, and 4,096 in all",
  },
  'ValidatorService/GetBeacon': { ...READS, costs: RATE, shownBy: LINKS },
  'ValidatorService/GetReply': { ...READS, costs: 'rationed', shownBy: FLOODS },
  'ValidatorService/GetReplies': { ...READS, costs: 'rationed: it reads 64 replies', shownBy: FLOODS },
  'ValidatorService/ListVerdicts': { ...READS, costs: 'rationed: it reads a thousand entries', shownBy: FLOODS },
  'ValidatorService/GetHead': { ...READS, costs: 'rationed: a quarter of a megabyte at most', shownBy: ACCESS },
  'ValidatorService/GetTests': { ...READS, costs: 'rationed: it reads some thousand rows', shownBy: ACCESS },
  'ValidatorService/GetIntake': { ...READS, costs: 'rationed: it signs', shownBy: ACCESS },
  'ValidatorService/GetSealKey': { ...READS, costs: 'rationed: it signs once in half an hour', shownBy: ACCESS },
  'ValidatorService/GetSettled': { ...READS, costs: 'rationed: it hashes a batch', shownBy: ACCESS },
  'ValidatorService/DeliverBeacon': {
    ...{ who: 'validators', changes: 'votes on a beacon', costs: 'a bond', shownBy: ACCESS },
  },
  'ValidatorService/CosignBatch': {
    ...{ who: 'validators', changes: 'signatures of this validator', costs: 'a bond', shownBy: ACCESS },
  },
  'ValidatorService/SignAllotment': {
    who: 'validators',
    changes: 'nothing',
    costs: 'a bond; rationed',
    shownBy: ACCESS,
  },
  'ValidatorService/SignPrice': { who: 'validators', changes: 'nothing', costs: 'a bond; rationed', shownBy: ACCESS },
  'ValidatorService/CertifyMachine': {
    ...{ who: 'anyone', changes: 'evidence that is kept, the newest of each machine', shownBy: ACCESS },
    costs: 'a machine that passes; rationed',
  },
  'ValidatorService/SignMachineEjection': {
    ...{ who: 'anyone', changes: 'proofs that hold, the newest four of each provider and 64 in all', shownBy: ACCESS },
    costs: "a provider's own signature under what is forged; rationed",
  },
  'ValidatorService/GetEvidence': {
    ...READS,
    ...{ costs: 'a report of the machine for each question; five a second', shownBy: ROLES },
  },
  'ValidatorService/GetMachineEvidence': { ...READS, costs: 'rationed: it reads a row of 256 KiB', shownBy: ACCESS },
  'ValidatorService/GetEmissionUnits': { who: 'anyone', changes: 'nothing', costs: 'rationed', shownBy: ACCESS },
  'ValidatorService/GetReinstatement': { who: 'validators', changes: 'nothing', costs: 'a bond', shownBy: ACCESS },
  'ValidatorService/Witness': { who: 'validators', changes: 'nothing', costs: 'a bond; rationed', shownBy: ACCESS },
  'ValidatorService/ListHeard': { who: 'validators', changes: 'nothing', costs: 'a bond; rationed', shownBy: ACCESS },
  'ValidatorService/HandAnnouncements': {
    ...{ who: 'validators', changes: 'nothing', costs: 'a bond; rationed', shownBy: ACCESS },
  },
  'ValidatorService/GetMembers': { who: 'validators', changes: 'nothing', costs: 'a bond; rationed', shownBy: ACCESS },
  'VerifierService/Commit': {
    ...{ who: 'anyone', changes: 'a place in the queue', shownBy: 'packages/provider/src/verifier/verifier.test.ts' },
    costs: 'a registration: those who ask take turns, the largest makes room',
  },
  'VerifierService/Reveal': {
    ...{ ...READS, costs: 'a job of its own', shownBy: 'packages/provider/src/verifier/verifier.test.ts' },
  },
  'VerifierService/Trace': {
    ...{ ...READS, costs: 'a registration; one at a time', shownBy: 'packages/provider/src/verifier/verifier.test.ts' },
  },
  'VerifierService/Endorse': {
    ...{
      ...READS,
      costs: 'for the providers that its operator names',
      shownBy: 'packages/provider/src/verifier/verifier.test.ts',
    },
  },
  'RouterService/Announce': {
    ...{ who: 'anyone', changes: 'a listing', shownBy: 'packages/router/src/router.test.ts' },
    costs: "the payee's signature; a stranger has no place of a listed provider",
  },
  'RouterService/Route': {
    ...{ who: 'anyone', changes: 'slots that look taken, demand', shownBy: 'packages/router/src/router.test.ts' },
    costs: 'an address holds its share of the slots at most, and counts once an hour for a model',
  },
  'RouterService/ListModels': { ...READS, costs: RATE, shownBy: LINKS },
  'RouterService/ListOffers': { ...READS, costs: RATE, shownBy: LINKS },
  'RouterService/ListRelays': { ...READS, costs: RATE, shownBy: LINKS },
  'RouterService/ListDemand': { ...READS, costs: RATE, shownBy: LINKS },
  'RouterService/GetEvidence': {
    ...READS,
    costs: 'a report of the machine for each question; five a second',
    shownBy: ROLES,
  },
  'RouterService/HandSupply': {
    ...{
      ...READS,
      costs: 'rationed: it looks through the list',
      shownBy: 'packages/router/src/hand-supply.test.ts',
    },
  },
  'RouterService/Report': {
    ...{ who: 'anyone', changes: 'statistics of speed', shownBy: 'packages/router/src/router.test.ts' },
    costs: 'a ticket of this router',
  },
};

const GATE = 'packages/gateway/src/gateway.test.ts';
const BUYS: StrangerRow = {
  ...{
    who: 'API keys',
    changes: 'an order, a reservation',
    shownBy: 'packages/gateway/src/books/channel-ledger.test.ts',
  },
  costs: 'the budget of the key, and its share of the channel',
};
const SHOWS: StrangerRow = {
  who: 'API keys',
  changes: 'nothing',
  costs: 'a key that ordered the reply',
  shownBy: GATE,
};

const SEALED = 'packages/gateway/src/sealed/sealed-client.test.ts';
const ADMIN = 'packages/gateway/src/admin/admin.test.ts';
const TELLS: StrangerRow = { who: 'admin secrets', changes: 'nothing', costs: 'an admin secret', shownBy: ADMIN };
const GOVERNS: StrangerRow = {
  ...{ who: 'admin secrets', changes: 'accounts of its own organisation, with a line in the log', shownBy: ADMIN },
  costs: 'an admin secret of a role that may do it',
};

/** By route of the gateway's HTTP API. */
export const ROUTE_ROWS: Readonly<Record<GatewayRouteName | AdminRouteName | HookRouteName, StrangerRow>> = {
  card: {
    ...{ who: 'anyone', changes: 'credit, where the payment provider signed it', costs: 'its signature, lately made' },
    shownBy: 'packages/gateway/src/front/card.test.ts',
  },
  ...{ adminOrganisations: TELLS, adminMembers: TELLS, adminKeys: TELLS, adminUsage: TELLS, adminAudit: TELLS },
  ...{ adminOrganisation: GOVERNS, adminMember: GOVERNS, adminMemberRotation: GOVERNS, adminMemberRemoval: GOVERNS },
  ...{ adminCredits: TELLS, adminCredit: GOVERNS, adminSignedDeposit: GOVERNS },
  ...{ adminKey: GOVERNS, adminKeyRotation: GOVERNS, adminKeyRevocation: GOVERNS },
  ...{
    chat: BUYS,
    completion: BUYS,
    embedding: BUYS,
    rerank: BUYS,
    infer: BUYS,
    image: BUYS,
    'image-edit': BUYS,
    'image-variation': BUYS,
    response: BUYS,
    message: BUYS,
    receipt: SHOWS,
    opening: SHOWS,
    trajectory: SHOWS,
    replay: SHOWS,
  },
  sealedOffer: {
    ...{ who: 'API keys', changes: 'a slot that looks taken, for half a minute', shownBy: SEALED },
    costs: 'a place among the running requests of the key, until the offer is over',
  },
  sealedReply: { ...BUYS, shownBy: SEALED },
  sealedProgress: { ...SHOWS, costs: 'a key that ordered the reply', shownBy: SEALED },
  sealedOutcome: {
    ...{ who: 'API keys', changes: 'statements to validators about one reply', shownBy: SEALED },
    costs: 'a key that ordered the reply; once',
  },
  responseCount: { ...SHOWS, costs: 'a key' },
  messageCount: { ...SHOWS, costs: 'a key' },
  models: { ...SHOWS, costs: 'a key' },
  model: { ...SHOWS, costs: 'a key' },
  endpoints: { ...SHOWS, costs: 'a key' },
  usage: { ...SHOWS, costs: 'a key', shownBy: 'packages/gateway/src/front/usage.test.ts' },
  health: { ...READS, costs: 'connections are limited, by address', shownBy: GATE },
  metrics: { ...SHOWS, costs: 'a key' },
};

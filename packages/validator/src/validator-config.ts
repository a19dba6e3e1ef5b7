import { createTeeFields } from '@ogong/host/attester/tee-config';
import { observationFields, traceFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, decimal, duration, hostPort, integer, text } from '@ogong/host/config/values';
import { knownPeer } from '@ogong/host/link/peer-values';
import { createPolicyFields } from '@ogong/host/views/machine-policy';
import { modelRootFields } from '@ogong/host/views/open-model-roots';
import { DEFAULT_EXTRA_PPM } from '@ogong/protocol/audit/audit-plan';
import { DEFAULT_RATES } from '@ogong/protocol/modality/text/drift/drift-verdict';
import { DEFAULT_SUM_ABOVE } from './settlement/sum-signatures.ts';
import { signedFields } from './validator-fields.ts';

const RATES = 'rates of verifiers are measured; --drift-table names the measurements, --false-reject the limit';

export const validatorConfig = defineConfig({
  name: 'ogong-validatord',
  commands: [
    ...['register', 'consent', 'set-signer', 'reinstate', 'pardon', 'acquit', 'convict', 'revoke-machine'],
    ...['eject-machine', 'allot', 'retire-key'],
  ],
  examples: ['ogong-validatord --deployment deployment.json'],
  summary:
    'Accepts signed records, audits them, keeps the verdict log, and settles it with the other validators.\n' +
    'A batch settles once validators with more than two thirds of all bonded stake have signed it. The chain counts them.\n' +
    'Bond and register first: ogong-validatord register --help',
  refusedFlags: {
    s: RATES,
    eps: RATES,
    beta: 'the limit of false ejections is the same for all validators; --false-reject sets that of one reply',
    consensus: 'validators always agree on one order; --quorum asks for more signatures than the chain does',
  },
  fields: {
    bind: {
      schema: hostPort,
      label: '<addr>',
      env: 'OGONG_VALIDATOR_BIND',
      default: '0.0.0.0:4533',
      description: 'address of the link endpoint',
    },
    alpha: {
      schema: decimal({ max: 1 }),
      label: '<0..1>',
      env: 'OGONG_VALIDATOR_ALPHA',
      default: '0',
      description:
        'least audit coverage of this validator; 1 audits every reply. A higher parameter of the chain replaces it',
    },
    pairs: {
      schema: decimal({ max: 1 }),
      label: '<0..1>',
      env: 'OGONG_VALIDATOR_PAIRS',
      default: '0.1',
      description: 'share of audits that ask two verifiers at the same time; the network requires at least 0.1',
    },
    extraAlpha: {
      schema: decimal({ max: 1 }),
      label: '<0..1>',
      default: String(DEFAULT_EXTRA_PPM / 1_000_000),
      description:
        'extra coverage, on average, for replies that are faster, more expensive, newer or more doubtful than others',
    },
    driftTable: {
      schema: text,
      label: '<path>',
      env: 'OGONG_VALIDATOR_DRIFT_TABLE',
      description:
        'drift table that ogong calibrate wrote, or none; if the chain names a table, it must be that one. Default: the table of this release, unless the chain names another. Without a table, fixed limits decide outside exact classes',
    },
    falseReject: {
      schema: decimal({ min: 1e-9, max: 0.5 }),
      label: '<rate>',
      default: String(DEFAULT_RATES.reject),
      description: 'share of honest replies that the drift table may reject; peers sign up to ten times more or less',
    },
    falseDoubt: {
      schema: decimal({ min: 1e-9, max: 0.5 }),
      label: '<rate>',
      default: String(DEFAULT_RATES.doubt),
      description:
        'share of honest replies that the drift table may leave undecided or reject; at least --false-reject',
    },
    extrapolate: {
      schema: boolean,
      boolean: true,
      description: "reject beyond the largest observed drift by the table's fitted tail; the verdict says so",
    },
    peer: {
      schema: knownPeer,
      label: '<host:port|cert>',
      env: 'OGONG_VALIDATOR_PEERS',
      repeatable: true,
      description: 'where to reach a registered validator, in place of its address in the registry',
    },
    verifierEndpoint: {
      schema: hostPort,
      label: '<host:port>',
      env: 'OGONG_VERIFIER_ENDPOINT',
      description: 'verifier to ask before those that the beacon draws; needs its certificate',
    },
    verifierCert: {
      schema: text,
      label: '<path|hash>',
      env: 'OGONG_VERIFIER_CERT',
      description: "that verifier's certificate, as a DER or PEM file or its SHA-256",
    },
    drain: {
      schema: boolean,
      boolean: true,
      description:
        'admit no orders any more and settle the open replies, before an upgrade. The validator still signs for others, and logs when its own log is settled',
    },
    canaryGateway: {
      schema: text,
      label: '<url>',
      env: 'OGONG_VALIDATOR_CANARY_GATEWAY',
      repeatable: true,
      description:
        'gateway at which this validator buys answers from providers that the beacon draws, to measure liveness. Choose two or more of different operators with much other traffic: an answer counts as missed where two of them miss it. Default: none are bought',
    },
    canaryKeys: {
      schema: text,
      label: '<path>',
      env: 'OGONG_VALIDATOR_CANARY_KEYS',
      repeatable: true,
      description: 'file with API keys of a gateway, one a line; one file for each --canary-gateway, in their order',
    },
    canaryTexts: {
      schema: text,
      label: '<path>',
      env: 'OGONG_VALIDATOR_CANARY_TEXTS',
      description: 'file with texts for such requests; needed with --canary-gateway',
    },
    priceSource: {
      schema: text,
      label: '<file|url>',
      env: 'OGONG_VALIDATOR_PRICE_SOURCE',
      description:
        'source of the prices of token and assets, on a network that burns and mints (docs/spec/burn-and-mint.md#feeds); needs --price-keypair',
    },
    priceKeypair: {
      schema: text,
      label: '<path>',
      env: 'OGONG_VALIDATOR_PRICE_KEYPAIR',
      description:
        "file with the key of a price feed, as hexadecimal digits; its address is one of the oracle's feeds. Needs --price-source",
    },
    priceInterval: {
      schema: duration,
      env: 'OGONG_VALIDATOR_PRICE_INTERVAL',
      default: '30s',
      description: 'pause between two readings of prices and of epochs of minting',
    },
    sumAbove: {
      schema: integer({ min: 0, max: 1024 }),
      label: '<k>',
      env: 'OGONG_VALIDATOR_SUM_ABOVE',
      default: `${DEFAULT_SUM_ABOVE}`,
      description: 'with more signatures than this under a batch, one aggregated BLS signature is sent in their place',
    },
    quorum: {
      schema: integer({ min: 1, max: 1024 }),
      label: '<k>',
      env: 'OGONG_QUORUM',
      default: '1',
      description:
        'signatures to gather before settling, own included, on top of the quorum by stake that the chain asks for',
    },
    ...modelRootFields,
    ...createTeeFields('VALIDATOR', 'for callers that ask for such validators'),
    ...createPolicyFields('VALIDATOR'),
    modelRoots: { ...modelRootFields.modelRoots, env: 'OGONG_VALIDATOR_MODEL_ROOTS' },
    ...signedFields,
    transactionKeypair: {
      schema: text,
      label: '<path>',
      env: 'OGONG_VALIDATOR_TRANSACTION_KEYPAIR',
      description:
        "file with the key of an account that sends transactions and pays their gas, as hexadecimal digits. Default: the validator's key. The account earns nothing and has no vote, so it needs money for gas alone",
    },
    certOut: {
      schema: text,
      label: '<path>',
      env: 'OGONG_VALIDATOR_CERT_OUT',
      description: 'where to write the certificate (DER) for others to pin',
    },
    epochMs: {
      schema: integer({ min: 100, max: 86_400_000 }),
      label: '<ms>',
      env: 'OGONG_VALIDATOR_EPOCH_MS',
      default: '60000',
      description: 'length of a beacon epoch in milliseconds; the same for all validators',
    },
    settleInterval: {
      schema: duration,
      env: 'OGONG_VALIDATOR_SETTLE_INTERVAL',
      default: '30s',
      description: 'pause between two batches',
    },
    auditWindow: {
      schema: duration,
      env: 'OGONG_VALIDATOR_AUDIT_WINDOW',
      default: '10m',
      description:
        'time that a provider has for its opening before it counts as withheld, and then verifiers for their reports. ' +
        'Only time in which this validator can act counts',
    },
    grace: {
      schema: duration,
      env: 'OGONG_VALIDATOR_GRACE',
      default: '60s',
      description: 'time after the expiry of its order in which a reply may still arrive before it counts as abandoned',
    },
    retention: {
      schema: duration,
      env: 'OGONG_VALIDATOR_RETENTION',
      default: '1h',
      description: 'time for which bodies, reports and traces of settled replies are stored',
    },
    registryInterval: {
      schema: duration,
      env: 'OGONG_VALIDATOR_REGISTRY_INTERVAL',
      default: '30s',
      description: 'pause between two reads of the registry of validators',
    },
    audits: { schema: integer({ min: 1, max: 1024 }), default: '8', description: 'audits at a time' },
    ...observationFields,
    ...traceFields,
  },
});

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

export const validatorConfig = defineConfig({
  name: 'ogong-validatord',
  commands: [
    ...['register', 'consent', 'set-signer', 'reinstate', 'pardon', 'acquit', 'convict', 'revoke-machine'],
    ...['eject-machine', 'allot', 'retire-key'],
  ],
  examples: ['ogong-validatord --deployment deployment.json'],
  summary:
    'Takes signed records in, audits them, keeps the verdict log, and settles it with the other validators.\n' +
    'A batch settles once validators with more than two thirds of all bonded stake have signed it; the chain counts.\n' +
    'Bond and register first: ogong-validatord register --help',
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
        "least audit coverage of this validator, 1 audits every reply; where the chain's parameter is higher, that one holds",
    },
    pairs: {
      schema: decimal({ max: 1 }),
      label: '<0..1>',
      env: 'OGONG_VALIDATOR_PAIRS',
      default: '0.1',
      description: 'share of audits that ask two verifiers at the same time; the network asks for 0.1 at least',
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
        'drift table that ogong calibrate wrote, or none; if the chain names a table, it must be that one. If not given: the table of this release, unless the chain names another. Without a table, fixed limits judge replies outside exact classes',
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
      description: "reject beyond the largest drift that was observed by the table's fitted tail, named as such",
    },
    peer: {
      schema: knownPeer,
      label: '<host:port|cert>',
      env: 'OGONG_VALIDATOR_PEERS',
      repeatable: true,
      description: 'where to reach a registered validator, instead of where the registry says',
    },
    verifierEndpoint: {
      schema: hostPort,
      label: '<host:port>',
      env: 'OGONG_VERIFIER_ENDPOINT',
      description: 'verifier that is asked first, before those that the beacon draws; needs its certificate',
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
        'admits no orders any more and settles what is open, before an upgrade; it goes on signing for others, and logs when nothing of its own is left',
    },
    consensus: {
      schema: boolean,
      boolean: true,
      description: 'accepted and without effect: the shared verdict log is always certified by the quorum',
    },
    canaryGateway: {
      schema: text,
      label: '<url>',
      env: 'OGONG_VALIDATOR_CANARY_GATEWAY',
      description:
        'gateway at which answers of providers are bought that the beacon draws, to see who answers; one with much other traffic. None are bought if not given',
    },
    canaryKeys: {
      schema: text,
      label: '<path>',
      env: 'OGONG_VALIDATOR_CANARY_KEYS',
      description: 'file with API keys of that gateway, one a line; needed with --canary-gateway',
    },
    canaryTexts: {
      schema: text,
      label: '<path>',
      env: 'OGONG_VALIDATOR_CANARY_TEXTS',
      description: 'file with texts that such requests are written with; needed with --canary-gateway',
    },
    priceSource: {
      schema: text,
      label: '<file|url>',
      env: 'OGONG_VALIDATOR_PRICE_SOURCE',
      description:
        'where it is read what token and assets cost, on a network that burns and mints (docs/spec/burn-and-mint.md#feeds); needs --price-keypair',
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
      description: 'pause between two looks at prices and at epochs of minting',
    },
    sumAbove: {
      schema: integer({ min: 0, max: 1024 }),
      label: '<k>',
      env: 'OGONG_VALIDATOR_SUM_ABOVE',
      default: `${DEFAULT_SUM_ABOVE}`,
      description:
        'with more signatures than this under a batch, one BLS signature that sums them is sent in their place',
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
    ...createTeeFields('VALIDATOR', 'for whoever asks for validators that do'),
    ...createPolicyFields('VALIDATOR'),
    modelRoots: { ...modelRootFields.modelRoots, env: 'OGONG_VALIDATOR_MODEL_ROOTS' },
    ...signedFields,
    transactionKeypair: {
      schema: text,
      label: '<path>',
      env: 'OGONG_VALIDATOR_TRANSACTION_KEYPAIR',
      description:
        "file with the key of an account that sends transactions and pays for them, as hexadecimal digits; the validator's if not given. It earns nothing and votes for nothing, so it holds no more than fees",
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
        'how long a provider has for its opening before it counts as withheld, and then verifiers for their reports; ' +
        'counts only time in which this validator can act',
    },
    grace: {
      schema: duration,
      env: 'OGONG_VALIDATOR_GRACE',
      default: '60s',
      description: 'how long past the expiry of its order a reply may be handed in before it counts as abandoned',
    },
    retention: {
      schema: duration,
      env: 'OGONG_VALIDATOR_RETENTION',
      default: '1h',
      description: 'how long bodies, reports and traces of settled replies are kept',
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

import { homedir } from 'node:os';
import { join } from 'node:path';
import { createTeeFields } from '@ogong/host/attester/tee-config';
import { chainFields, observationFields, traceFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, decimal, duration, hostPort, integer, text } from '@ogong/host/config/values';
import { knownPeer } from '@ogong/host/link/peer-values';
import { createPolicyFields } from '@ogong/host/views/machine-policy';
import { modelRootFields } from '@ogong/host/views/model-roots';
import { fromHex } from '@ogong/protocol/base/bytes';
import { DEFAULT_RATES } from '@ogong/protocol/modality/text/drift/drift-verdict';
import { OFFENCES } from '@ogong/protocol/settlement/conviction';
import { z } from 'zod';
import { DEFAULT_SUM_ABOVE } from './settlement/sum-signatures.ts';

const amount = z
  .string()
  .regex(/^\d{1,38}$/, 'expected a whole number of atomic units')
  .transform(BigInt);

const providerId = z
  .string()
  .regex(/^(0x)?[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits')
  .transform((value) => fromHex(value.replace(/^0x/, ''), 32));

/** 20 bytes. */
export const ledgerAddress = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'expected an address, 0x and 40 hexadecimal digits')
  .transform((value) => fromHex(value.slice(2).toLowerCase(), 20));

const signature = z
  .string()
  .regex(/^0x[0-9a-f]{130}$/, 'expected a signature, 0x and 130 lower-case hexadecimal digits')
  .transform((value) => fromHex(value.slice(2), 65));

const account = {
  schema: ledgerAddress,
  label: '<address>',
  env: 'OGONG_VALIDATOR_ACCOUNT',
  description: "the validator's account, where its key is not on this machine; needs --signing-keypair",
} as const;

const signingKeypair = {
  schema: text,
  label: '<path>',
  env: 'OGONG_VALIDATOR_SIGNING_KEYPAIR',
  description:
    "file with the key that the registry names for the account, as hexadecimal digits; the account's own key if not given",
} as const;

const signer = {
  schema: text,
  label: '<path>',
  env: 'OGONG_VALIDATOR_SIGNER',
  description:
    'socket of the ogong signer that holds the signing key, instead of --signing-keypair; it also says for which account it signs',
} as const;

const common = {
  ...chainFields,
  dataDir: {
    schema: text,
    label: '<path>',
    env: 'OGONG_VALIDATOR_DATA_DIR',
    default: join(homedir(), '.ogong', 'validator'),
    description: 'where keys, records, the verdict log and the signed votes are kept',
  },
  keypair: {
    schema: text,
    label: '<path>',
    env: 'OGONG_VALIDATOR_KEYPAIR',
    description: "file with the account's key as hexadecimal digits; ledger.key in the data directory if not given",
  },
} as const;

/** Of commands by which an operator signs something with the validator's key. */
const signedFields = { ...common, account, signingKeypair, signer } as const;

const gathered = {
  schema: signature,
  label: '<signature>',
  repeatable: true,
  description: 'what an operator printed: submits these signatures, and signs nothing',
} as const;

export const validatorConfig = defineConfig({
  name: 'ogong-validatord',
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
      default: '1.0',
      description: "audit coverage, 1 audits every reply; where the chain's parameter is higher, that one holds",
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
      default: '0.1',
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

export const reinstateConfig = defineConfig({
  name: 'ogong-validatord reinstate',
  examples: ['ogong-validatord reinstate --deployment deployment.json --provider <id>'],
  summary:
    "Signs the end of a provider's ejection. The running daemon hands the signature to the other validators, and submits once\n" +
    'more than two thirds of the votes have signed. Every operator runs it for itself, before the appeal is over.',
  fields: {
    provider: {
      schema: providerId,
      label: '<id>',
      required: true,
      description: 'id of the ejected provider, 64 hexadecimal digits',
    },
    ...signedFields,
  },
});

export const pardonConfig = defineConfig({
  name: 'ogong-validatord pardon',
  examples: ['ogong-validatord pardon --deployment deployment.json --payee <address>'],
  summary:
    'Signs that a payee gets back what penalties hold of its stake, and prints the signature. Every operator that agrees runs it;\n' +
    'one of them submits the signatures, before the appeal is over. More than two thirds of the votes are needed.',
  fields: {
    payee: { schema: ledgerAddress, label: '<address>', required: true, description: 'whose stake is held' },
    signature: gathered,
    ...signedFields,
  },
});

export const revokeMachineConfig = defineConfig({
  name: 'ogong-validatord revoke-machine',
  examples: ['ogong-validatord revoke-machine --deployment deployment.json --machine <id> --evidence evidence.json'],
  summary:
    'Says that a machine of a confidential tier is out, under every provider that has it, and prints the signature: its vendor revoked it, or its\n' +
    'evidence is forged. The operator has judged the file itself; only its hash is signed. Every operator runs it on the same file, and one of\n' +
    'them submits the signatures. Whoever forged it loses stake by convict --offence forged-machine.',
  fields: {
    machine: {
      schema: z
        .string()
        .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits')
        .transform((id) => fromHex(id)),
      label: '<id>',
      required: true,
      description: "the machine's name, as the registry has it",
    },
    evidence: { schema: text, label: '<path>', required: true, description: 'what shows it; operators publish it' },
    restore: { schema: boolean, boolean: true, description: 'takes an earlier revocation back' },
    signature: gathered,
    ...signedFields,
  },
});

export const ejectMachineConfig = defineConfig({
  name: 'ogong-validatord eject-machine',
  examples: [
    'ogong-validatord eject-machine --deployment deployment.json --receipt receipt.json --revoked-list crl.der',
  ],
  summary:
    'Judges a receipt whose provider vouched for a machine that is forged, or was revoked long before. Where it proves that, the running daemon\n' +
    'has the other validators judge it too, and ejects the provider by their signatures.',
  fields: {
    receipt: { schema: text, label: '<path>', required: true, description: 'of a reply of tier tee or tee-proxy' },
    revokedList: {
      schema: text,
      label: '<path>',
      description: "its vendor's list of revoked certificates (DER), where that shows the offence",
    },
    ...common,
  },
});

export const acquitConfig = defineConfig({
  name: 'ogong-validatord acquit',
  examples: ['ogong-validatord acquit --deployment deployment.json --case 3'],
  summary:
    'Votes, as a member of the panel that hears an appeal, that what was decided is lifted, and prints the signature. One of the panel\n' +
    'submits the signatures, before the appeal is over. More than half of the panel is needed. Give one of --case, --provider, --payee and --freeze.',
  fields: {
    case: { schema: integer(), label: '<number>', description: 'a case, by its number' },
    provider: { schema: providerId, label: '<id>', description: 'the last ejection of a provider' },
    payee: { schema: ledgerAddress, label: '<address>', description: 'what penalties hold of a payee' },
    freeze: {
      schema: providerId,
      label: '<id>',
      description: "lifts nothing: stops the clock of what a provider's key earned, for a week",
    },
    period: {
      schema: integer(),
      label: '<number>',
      description: 'of --freeze: the day in which it was asked for, in days since 1970. Default: today',
    },
    signature: {
      schema: signature,
      label: '<signature>',
      repeatable: true,
      description: 'what a member of the panel printed: submits these votes, and signs nothing',
    },
    ...signedFields,
  },
});

export const allotConfig = defineConfig({
  name: 'ogong-validatord allot',
  examples: ['ogong-validatord allot --deployment deployment.json'],
  summary:
    'Does by hand what the daemons do by themselves: computes from the chain who earned what of the emission since the last tally,\n' +
    'and prints a signature over it. One operator submits the signatures. More than two thirds of the votes are needed.',
  fields: {
    until: {
      schema: integer(),
      label: '<seconds>',
      description:
        'ends the tally there, seconds since 1970, for all operators. Default: the end of the first period with work',
    },
    signature: gathered,
    ...signedFields,
  },
});

export const convictConfig = defineConfig({
  name: 'ogong-validatord convict',
  examples: ['ogong-validatord convict --deployment deployment.json --evidence evidence.bin'],
  summary:
    'Judges evidence that a validator admitted more than a channel holds, by the chain, and signs its conviction where every check passes.\n' +
    'For any other offence the operator has judged the file itself, and says so by --offence and --accused: only its hash is signed.\n' +
    'Every operator runs it on the same file; one of them submits the signatures. More than two thirds of the votes are needed. A\n' +
    'conviction takes a tenth of bond or stake, which is held while the appeal lasts (see acquit).',
  fields: {
    evidence: {
      schema: text,
      label: '<path>',
      required: true,
      description: 'file that ogong-provider admissions wrote, or the evidence of the offence that is named',
    },
    offence: {
      schema: z.enum(OFFENCES).exclude(['over-admission']),
      label: '<offence>',
      description:
        'false-verdict, contradiction, misrouting, passed-honeypot, refuted-report or forged-machine; needs --accused',
    },
    accused: {
      schema: ledgerAddress,
      label: '<address>',
      description: 'whose bond (the first two) or stake (the others) is taken; with --offence',
    },
    reporter: {
      schema: ledgerAddress,
      label: '<address>',
      description: 'who found the evidence, and has a share of what is taken. Default: nobody',
    },
    signature: gathered,
    ...signedFields,
  },
});

export const registerConfig = defineConfig({
  name: 'ogong-validatord register',
  examples: ['ogong-validatord register --deployment deployment.json --bond 1000000 --endpoint validator.example:4533'],
  summary:
    'Bonds and registers this validator: endpoint, certificate and VRF key. Run again, it updates what has changed.',
  fields: {
    bond: {
      schema: amount,
      label: '<amount>',
      required: true,
      description: 'total bond to reach, atomic units; the stake of this validator, which misconduct forfeits',
    },
    endpoint: {
      schema: hostPort,
      label: '<host:port>',
      required: true,
      description: 'where validators, providers and gateways reach this one',
    },
    ...common,
  },
});

export const consentConfig = defineConfig({
  name: 'ogong-validatord consent',
  examples: ['ogong-validatord consent --deployment deployment.json --account <address>'],
  summary:
    'Prints the consent of a signing key to sign for an account. Run it where the signing key is, and set-signer where the key of\n' +
    'the account is. Without --signing-keypair it takes signing.key in the data directory, and makes it where there is none.',
  fields: { ...common, account: { ...account, required: true }, signingKeypair },
});

export const setSignerConfig = defineConfig({
  name: 'ogong-validatord set-signer',
  examples: ['ogong-validatord set-signer --deployment deployment.json --signing-key <address> --consent <signature>'],
  summary:
    "Names the key that signs for this account: batches, votes on the beacon, receipts. It needs the account's key. The new key\n" +
    'counts one voting delay later; until then the one before does.',
  fields: {
    signingKey: {
      schema: ledgerAddress,
      label: '<address>',
      required: true,
      description: "address of the signing key; the account's own address takes a named key back",
    },
    consent: { schema: signature, label: '<signature>', description: 'what ogong-validatord consent printed' },
    ...common,
  },
});

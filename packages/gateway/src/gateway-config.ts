import { homedir } from 'node:os';
import { join } from 'node:path';
import { chainFields, observationFields, traceFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import {
  amountForm,
  atomicAmount,
  boolean,
  define,
  duration,
  escrowAmount,
  hex,
  hostPort,
  httpUrl,
  integer,
  oneOf,
  signedAmount,
  size,
  text,
  wholeTokens,
} from '@ogong/host/config/values';
import { readWebhookSecret } from '@ogong/host/http/webhook';
import { routerPeer } from '@ogong/host/link/peer-values';
import { createPolicyFields } from '@ogong/host/views/machine-policy';
import { modelRootFields } from '@ogong/host/views/open-model-roots';
import { createDatabaseFields } from '@ogong/postgres/database-fields';
import { SORTS } from '@ogong/protocol/exchange/preference';
import { ATTESTED_ROLES } from '@ogong/protocol/tier/attested-role';
import { ADMIN_VERBS } from './admin/admin-command.ts';

const cardRate = define('a currency and its rate, as usd=40000000000000000', '<currency=units>', (value) => {
  const [, currency, rate] = /^([a-z]{3})=([1-9]\d{0,37})$/.exec(value) ?? [];
  return currency === undefined || rate === undefined ? undefined : ([currency, BigInt(rate)] as const);
});

const webhookSecret = define('whsec_ and the base64 of 24 to 64 bytes', '<secret>', (value) =>
  readWebhookSecret(value) === undefined ? undefined : value,
);

const common = {
  dataDir: {
    schema: text,
    label: '<path>',
    env: 'OGONG_GATEWAY_DATA_DIR',
    default: join(homedir(), '.ogong', 'gateway'),
    description: 'where keys, receipts and the accounts of the escrow channels are kept',
  },
  accounts: {
    schema: text,
    label: '<path>',
    env: 'OGONG_GATEWAY_ACCOUNTS',
    description: 'file of organisations, members and API keys; accounts.db in the data directory if not given',
  },
  ...createDatabaseFields('GATEWAY'),
  archiveUrl: {
    schema: httpUrl,
    label: '<url>',
    env: 'OGONG_GATEWAY_ARCHIVE_URL',
    description:
      'bucket, and a folder in it, of a store that speaks S3, where receipts are kept after they are dropped here',
  },
  archiveRegion: {
    schema: text,
    label: '<name>',
    env: 'OGONG_GATEWAY_ARCHIVE_REGION',
    default: 'us-east-1',
    description: 'region that requests to it are signed for',
  },
  archiveKey: {
    schema: text,
    label: '<id>',
    env: 'OGONG_GATEWAY_ARCHIVE_KEY',
    description: 'id of the access key',
  },
  archiveSecret: {
    schema: text,
    secret: true,
    env: 'OGONG_GATEWAY_ARCHIVE_SECRET',
    description: 'the access key itself',
  },
} as const;

export const gatewayConfig = defineConfig({
  name: 'ogong-gatewayd',
  commands: ['admin'],
  examples: ['ogong-gatewayd --deployment deployment.json --router 127.0.0.1:4544 --router-cert router.der'],
  summary: 'The OpenAI-compatible gateway: buys answers on the network, checks each one, and keeps the receipts.',
  fields: {
    bind: { schema: hostPort, label: '<addr>', default: '0.0.0.0:4546', description: 'address of the HTTP API' },
    punchBootstrap: {
      schema: hostPort,
      label: '<host:port>',
      env: 'OGONG_PUNCH_BOOTSTRAP',
      repeatable: true,
      description:
        'node that helps to punch a hole to providers behind a NAT, so that no relay carries their links; needs the package hyperdht',
    },
    router: {
      schema: routerPeer,
      label: '<host:port|cert>',
      env: 'OGONG_ROUTER',
      repeatable: true,
      description:
        'router to ask for providers, with its certificate as a file or hash; 127.0.0.1:4544 if not given. Of several the first that answers is asked',
    },
    routerCert: {
      schema: text,
      label: '<path|hash>',
      env: 'OGONG_ROUTER_CERT',
      description: 'certificate of the routers that are given without one, as a DER or PEM file or its SHA-256',
    },
    maxPrice: {
      schema: atomicAmount,
      label: '<amount>',
      env: 'OGONG_GATEWAY_MAX_PRICE',
      default: '18446744073709551615',
      description: `highest price per 1,000 tokens, or other units of a modality, ${amountForm}`,
    },
    sort: {
      schema: oneOf(SORTS),
      env: 'OGONG_GATEWAY_SORT',
      default: 'none',
      description: 'order of providers besides stake and reputation, for requests that name none',
    },
    minStake: {
      schema: wholeTokens,
      label: '<OGONG>',
      env: 'OGONG_GATEWAY_MIN_STAKE',
      default: '0',
      description:
        'whole OGONG that an ejection takes from a provider at least, held earnings and bond of its key, where a request does not say',
    },
    settle: {
      schema: oneOf(['any', 'accepted']),
      env: 'OGONG_GATEWAY_SETTLE',
      default: 'any',
      description: 'verdicts that are paid for: accepted pays for no reply that its audit leaves in doubt',
    },
    seal: {
      schema: oneOf(['auto', 'required', 'off']),
      env: 'OGONG_GATEWAY_SEAL',
      default: 'auto',
      description: 'whether requests are sealed to their providers: auto seals to those that have a key',
    },
    ...createPolicyFields('GATEWAY'),
    attested: {
      schema: oneOf([...ATTESTED_ROLES]),
      env: 'OGONG_GATEWAY_ATTESTED',
      repeatable: true,
      description:
        'a role that has to show its machine for every request (docs/spec/attested-roles.md); needs --machine-policy',
    },
    machineInterval: {
      schema: duration,
      default: '10m',
      description: 'how long a machine of tier tee that has answered is not asked again',
    },
    ...chainFields,
    ...common,
    deposit: {
      schema: escrowAmount,
      label: '<amount>',
      env: 'OGONG_GATEWAY_DEPOSIT',
      default: '100.0',
      description: `smallest deposit into escrow, ${amountForm}; 0 never deposits`,
    },
    wallet: {
      schema: hex(20),
      env: 'OGONG_GATEWAY_WALLET',
      description:
        'account that pays, without 0x, in place of the one of the data directory: a wallet contract, or one whose key is elsewhere. It has allowed the key of ' +
        'the data directory at each validator (ogong escrow allow), and deposits and reserves itself',
    },
    allowance: {
      schema: escrowAmount,
      label: '<amount>',
      env: 'OGONG_GATEWAY_ALLOWANCE',
      default: '10.0',
      description: 'amount that a channel is filled up to, beyond the vouchers already signed; 0 never fills',
    },
    payments: {
      schema: boolean,
      boolean: true,
      env: 'OGONG_GATEWAY_PAYMENTS',
      description:
        'callers without a key may pay for a request by x402, in the token of the network; takes --max-price, at which requests are counted',
    },
    leastPayment: {
      schema: escrowAmount,
      label: '<amount>',
      env: 'OGONG_GATEWAY_LEAST_PAYMENT',
      default: '0.01',
      description: `least that such a payment is, ${amountForm}: more than the gas that its transfer takes is worth`,
    },
    uptoLimit: {
      schema: escrowAmount,
      label: '<amount>',
      env: 'OGONG_GATEWAY_UPTO_LIMIT',
      default: '0',
      description: `callers may pay after their request, too (x402, scheme upto); most that may be unpaid at once, ${amountForm}. 0: they may not`,
    },
    deposits: {
      schema: boolean,
      boolean: true,
      env: 'OGONG_GATEWAY_DEPOSITS',
      description: 'organisations with credit get addresses at which tokens that come in are credited',
    },
    cardSecret: {
      schema: text,
      secret: true,
      env: 'OGONG_GATEWAY_CARD_SECRET',
      description: 'signing secret of the webhooks by which Stripe tells of payments by card, at /hooks/card',
    },
    cardRate: {
      schema: cardRate,
      label: '<currency=units>',
      env: 'OGONG_GATEWAY_CARD_RATE',
      repeatable: true,
      description: "atomic units of credit for a currency's least unit, as usd=40000000000000000 for a cent",
    },
    confirmations: {
      schema: integer({ min: 0 }),
      env: 'OGONG_GATEWAY_CONFIRMATIONS',
      default: '12',
      description: 'how many blocks have to be above a payment until it is taken to stay',
    },
    ...modelRootFields,
    modelRoots: { ...modelRootFields.modelRoots, env: 'OGONG_GATEWAY_MODEL_ROOTS' },
    origin: {
      schema: text,
      label: '<origin>',
      env: 'OGONG_GATEWAY_ORIGINS',
      repeatable: true,
      description: 'web origin whose pages may call the API; * for all',
    },
    hubIpfsGateway: {
      schema: httpUrl,
      description: 'server that reads IPFS over HTTP, for cards of models whose places are on IPFS',
    },
    modelSource: {
      schema: text,
      label: '<id>=<place>',
      env: 'OGONG_GATEWAY_MODEL_SOURCE',
      repeatable: true,
      description:
        'place of the weights of a model, as --model takes it, for machines that join the network; they check the weights by their root',
    },
    publicRpcUrl: {
      schema: httpUrl,
      label: '<url>',
      env: 'OGONG_GATEWAY_PUBLIC_RPC_URL',
      description: 'JSON-RPC address of the chain that pages are told, so that they read the chain by themselves',
    },
    ticketsAhead: {
      schema: integer({ min: 0, max: 64 }),
      default: '8',
      description:
        'tickets of one kind of request that are drawn at most before it comes; 0: each request asks a router',
    },
    hedge: {
      schema: boolean,
      boolean: true,
      env: 'OGONG_GATEWAY_HEDGE',
      description:
        'ask a second provider where the first has shown nothing in time, also where a request does not say (docs/spec/progress.md#standby-orders)',
    },
    hedgeShare: {
      schema: integer({ min: 0, max: 100 }),
      env: 'OGONG_GATEWAY_HEDGE_SHARE',
      default: '5',
      description: 'of a hundred requests that may be hedged, how many are; 0: none, whatever a request says',
    },
    standbyShare: {
      schema: integer({ min: 0, max: 100 }),
      env: 'OGONG_GATEWAY_STANDBY_SHARE',
      default: '25',
      description:
        'the most that a provider may ask for standing by, in percent of its price, where the request names no standby price',
    },
    hedgeAfter: {
      schema: duration,
      default: '2s',
      description:
        'wait for a first token before a second provider is asked, until twenty of the model were measured: then the time of nineteen of twenty',
    },
    busyPatience: {
      schema: duration,
      default: '10s',
      description: 'how long a request waits while all providers are busy',
    },
    maxMedia: {
      schema: size,
      default: '16MiB',
      description: 'most bytes of the pictures of a request, beside its body; the network takes 16 MiB at most',
    },
    fetchPictures: {
      schema: oneOf(['public', 'off']),
      env: 'OGONG_GATEWAY_FETCH_PICTURES',
      default: 'public',
      description:
        'addresses of pictures that are fetched for requests of keys: those of the public internet, or none; off where the gateway must not call out',
    },
    maxBody: { schema: size, default: '1MiB', description: 'largest request body; the network takes 1 MiB at most' },
    bodyTimeout: { schema: duration, default: '15s', description: 'how long a body may take to arrive' },
    headersTimeout: { schema: duration, default: '10s', description: 'how long the headers may take to arrive' },
    firstTokenTimeout: { schema: duration, default: '60s', description: 'how long a provider may take to begin' },
    idleTimeout: { schema: duration, default: '30s', description: 'longest silence within an answer' },
    totalTimeout: { schema: duration, default: '10m', description: 'longest answer' },
    heartbeat: { schema: duration, default: '10s', description: 'pause between signs of life on a silent stream' },
    maxRequests: { schema: integer({ min: 1 }), default: '256', description: 'requests served at once' },
    maxRequestsPerKey: {
      schema: integer({ min: 1 }),
      default: '64',
      description: 'requests served at once for one key',
    },
    maxConnections: { schema: integer({ min: 1 }), default: '1024', description: 'HTTP connections at once' },
    maxConnectionsPerAddress: {
      schema: integer({ min: 1 }),
      default: '256',
      description: 'of these, from one address without a key; behind a proxy as many as --max-connections',
    },
    receiptLifetime: { schema: duration, default: '30d', description: 'how long receipts are kept' },
    archiveRetention: { schema: duration, default: '365d', description: 'how long receipts are kept there' },
    alertAt: {
      schema: integer({ min: 1, max: 100 }),
      repeatable: true,
      description:
        'percent of a budget of a key or organisation that is told when it is spent; 50, 80 and 100 if not given',
    },
    alertWebhook: {
      schema: httpUrl,
      label: '<url>',
      env: 'OGONG_GATEWAY_ALERT_WEBHOOK',
      description: 'receiver of alerts besides the log, by signed POST requests',
    },
    alertSecret: {
      schema: webhookSecret,
      secret: true,
      env: 'OGONG_GATEWAY_ALERT_SECRET',
      description: 'key that signs these, as in Standard Webhooks',
    },
    verdictInterval: { schema: duration, default: '2s', description: 'pause between two reads of verdicts' },
    beaconInterval: { schema: duration, default: '1s', description: 'pause between two reads of the beacon' },
    driftTable: {
      schema: text,
      label: '<path>',
      env: 'OGONG_GATEWAY_DRIFT_TABLE',
      description: 'drift table for the explorer to show; the one of this release if not given',
    },
    memory: {
      schema: boolean,
      boolean: true,
      env: 'OGONG_GATEWAY_MEMORY',
      description:
        'keep memories for the holders of keys (docs/memory.md), sealed in the folder memory of the data directory, or in --database; needs --memory-model and --memory-embedding-model',
    },
    memoryModel: {
      schema: text,
      label: '<name>',
      description: 'chat model that proposes memories, paid by the key of each call',
    },
    memoryEmbeddingModel: { schema: text, label: '<name>', description: 'model that makes their vectors' },
    memoryRerankModel: { schema: text, label: '<name>', description: 'model that orders results for rerank: true' },
    memoryMasterKey: {
      schema: text,
      label: '<path>',
      description:
        'file of the key that seals them; memory/master.key in the data directory if not given. Gateways with one --database have the same',
    },
    metricsBind: {
      schema: hostPort,
      label: '<addr>',
      description: 'address of a metrics server on this machine, besides /metrics of the API',
    },
    logLevel: observationFields.logLevel,
    ...traceFields,
  },
});

export const adminConfig = defineConfig({
  name: 'ogong-gatewayd admin',
  examples: [
    'ogong-gatewayd admin org put acme --max-spend 100.0',
    'ogong-gatewayd admin member put acme alice --role owner',
    'ogong-gatewayd admin key add --organisation acme --name laptop',
    'ogong-gatewayd admin usage --organisation acme --from 2026-11-01',
  ],
  summary:
    'Organisations, members and API keys of a gateway, what they used, who changed what, and whether all books agree. ' +
    'It works beside the daemon and without it. A secret is shown once, when it is made. Commands: ' +
    `${ADMIN_VERBS}.`,
  fields: {
    ...common,
    organisation: {
      schema: text,
      label: '<id>',
      description: 'key, member or organisation to show; for a new key: its organisation',
    },
    name: { schema: text, description: 'purpose of a new key, or name of an organisation' },
    role: { schema: oneOf(['owner', 'admin', 'member']), default: 'member', description: 'rights of a member' },
    maxSpend: {
      schema: escrowAmount,
      label: '<amount>',
      description: `limit of what a new key, or all keys of an organisation, may ever spend, ${amountForm}`,
    },
    maxSpendPerDay: {
      schema: escrowAmount,
      label: '<amount>',
      description: `limit of what the orders of a new key may cost on one day in UTC, ${amountForm}`,
    },
    amount: {
      schema: signedAmount,
      label: '<amount>',
      description: `of credit, ${amountForm}; below 0 takes back`,
    },
    transfer: {
      schema: text,
      label: '<path>',
      description: 'a transfer to an organisation that its payer signed (ERC-3009), as JSON',
    },
    lifetime: { schema: duration, description: 'how long a new key is valid; without it, until it is revoked' },
    models: {
      schema: text,
      label: '<ids>',
      description: 'models of a new key: ids with commas between, each may end in *, as in ogong/replay/*',
    },
    requestsPerMinute: {
      schema: integer({ min: 1, max: 1e9 }),
      description: 'requests that a new key may send in a minute; without it, any number',
    },
    tokensPerMinute: {
      schema: integer({ min: 1, max: 1e9 }),
      description: 'tokens of prompts and answers that a new key may have in a minute; without it, any number',
    },
    from: {
      schema: text,
      label: '<day>',
      description: 'first day of usage, UTC; thirty days before the last if not given',
    },
    to: { schema: text, label: '<day>', description: 'last day of usage, UTC; today if not given' },
    deployment: {
      schema: text,
      label: '<path>',
      env: 'OGONG_DEPLOYMENT',
      description: 'with it, reconcile also compares the store with the escrow on the chain',
    },
    rpcUrl: chainFields.rpcUrl,
    json: { schema: boolean, boolean: true, description: 'print JSON' },
  },
  positionals: { label: '<what> [<id> ...]', min: 1, max: 4 },
});

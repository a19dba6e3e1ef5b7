import { homedir } from 'node:os';
import { join } from 'node:path';
import { teeFields } from '@ogong/host/attester/tee-config';
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
  integer,
  oneOf,
  readHostPort,
  size,
  text,
} from '@ogong/host/config/values';
import { parseNanoUsd } from '@ogong/host/feed/feed-text';
import { networkFields } from '@ogong/host/lifecycle/daemon-context';
import { jsonField } from '@ogong/host/lifecycle/print-json';
import { knownPeer, routerPeer } from '@ogong/host/link/peer-values';
import { LOG_LEVELS } from '@ogong/host/log/logger';
import { formatRoutes, parseRoutes } from '@ogong/protocol/exchange/routes';
import { listServedTiers } from '@ogong/protocol/tier/registry';
import { z } from 'zod';
import { embeddedImageFields } from '../engine/embedded-image.ts';
import { embeddedTextFields } from '../engine/embedded-text.ts';
import { visionFields } from '../engine/encoder-flag.ts';
import { autoBackendField, engineFields, servingFields } from '../engine/engine-config.ts';
import { imageUpstreamFields } from '../engine/image-upstream.ts';
import { upstreamFields } from '../engine/upstream-config.ts';
import { segmentFields } from './cohort/segment-fields.ts';
import { hubFields } from './hub/hub-fields.ts';
import { refusedServeFlags, refusedSoundFlags } from './refused-flags.ts';

/** Addresses with commas between them. */
const hostPorts = define('addresses such as 10.0.0.2:4711,10.0.0.3:4711', '<host:port,...>', (value) => {
  const read = value.split(',').map(readHostPort);
  return read.every((address) => address !== undefined) ? read : undefined;
});

/** Billionths of a dollar. */
const nanoUsd = z.string().transform((value, context) => {
  const amount = parseNanoUsd(value);
  if (amount) return amount;
  context.addIssue({
    code: 'custom',
    message: 'expected dollars above 0, such as 0.051, with nine digits after the point at most',
  });
  return z.NEVER;
});

/** A relay, or `auto`: those that the routers name. */
const relayChoice = z.string().transform((value, context) => {
  if (value === 'auto') return value;
  const peer = knownPeer.safeParse(value);
  if (peer.success) return peer.data;
  context.addIssue({ code: 'custom', message: `${peer.error.issues[0]?.message}, or auto` });
  return z.NEVER;
});

/** The text of an endpoint, see parseRoutes. */
const routes = z.string().transform((value, context) => {
  try {
    return formatRoutes(parseRoutes(value));
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

const SERVED = listServedTiers().map(({ name }) => name);

export const DEFAULT_PROVIDER_DIRECTORY = join(homedir(), '.ogong-provider');

export const dataDirField = {
  dataDir: {
    schema: text,
    label: '<path>',
    env: 'OGONG_PROVIDER_DATA_DIR',
    default: DEFAULT_PROVIDER_DIRECTORY,
    description: 'where keys, config.json and openings are kept',
  },
} as const;

/** The key that an owner's machines share. */
export const machinesKeyField = {
  machinesKey: {
    schema: text,
    label: '<path>',
    env: 'OGONG_MACHINES_KEY',
    description:
      'key that all your machines share for links between them; made if it is missing. Default: machines.key in --data-dir. Copy it from one machine to the others',
  },
} as const;

/** Refused by every command, with the reason: a flag of other servers that users may know. */
export const rpcServersField = {
  rpcServers: {
    schema: text,
    label: '<host:port,...>',
    env: 'OGONG_RPC_SERVERS',
    description:
      'rpc-server processes of llama.cpp; refused, because the prebuilt llama.cpp has no RPC (docs/own-machines.md)',
  },
} as const;

export const logLevel = {
  schema: oneOf(LOG_LEVELS),
  env: 'OGONG_LOG_LEVEL',
  default: 'warn',
  description: 'what is logged',
} as const;

export const serveConfig = defineConfig({
  name: 'ogong-provider serve',
  examples: [
    'ogong-provider serve --model stories15M --model-id ogong/verified/me/stories --price 0.001 --deployment deployment.json',
    'ogong-provider serve --served-models models.json --memory-budget 12GiB --deployment deployment.json',
    'ogong-provider serve --serve-from-hub --hub-budget 20GiB --hub-price 0.001 --router router.example:4544|<cert> --deployment deployment.json',
    'ogong-provider serve --segment slabs/slab-0-16.gguf --segment-model-id ogong/verified/me/llama --segment-price 0.0004 --deployment deployment.json',
    'ogong-provider serve --upstream http://127.0.0.1:8000 --model llama --model-id ogong/vanilla/me/llama --price 0.0001 --deployment deployment.json',
  ],
  summary:
    'Serves models on the network: every reply is committed and signed. Its tier decides which checks others make.\n' +
    'Give --model, --model-id and --price once for each model, in the same order, or --served-models.\n' +
    'With --segment it serves layers of a model together with other providers, beside its models or alone.\n' +
    'With --serve-from-hub it fetches and serves models that consumers ask for, beside its models or alone.\n' +
    'Flags override what ogong-provider configure wrote.',
  refusedFlags: refusedServeFlags,
  fields: {
    model: {
      schema: text,
      label: '<path|name>',
      env: 'OGONG_PROVIDER_MODEL',
      repeatable: true,
      description:
        'model to serve: a GGUF or ONNX file, a model folder, hf:owner/repo[:quant], a URL, or a built-in name',
    },
    modelId: {
      schema: text,
      label: '<id>',
      env: 'OGONG_PROVIDER_MODEL_ID',
      repeatable: true,
      description: `id that consumers order, once for each model: ogong/<tier>/<maker>/<model>, tier ${SERVED.join(' or ')}`,
    },
    price: {
      schema: escrowAmount,
      label: '<amount>',
      env: 'OGONG_PROVIDER_PRICE',
      repeatable: true,
      description: `price per 1,000 tokens of prompt and reply, or steps of 1,024 pixels, ${amountForm}; one for all models, or for each`,
    },
    standby: {
      schema: escrowAmount,
      label: '<amount>',
      env: 'OGONG_PROVIDER_STANDBY',
      repeatable: true,
      description:
        'price per 1,000 prompt tokens of an answer that its payer does not take, since another provider was faster. One for all models, or one for each. If not given, no such orders are served (docs/spec/progress.md#standby-orders)',
    },
    usdPeg: {
      schema: nanoUsd,
      label: '<dollars>',
      env: 'OGONG_PROVIDER_USD_PEG',
      description:
        'price of one token in dollars at which the prices above are right. They then follow the token, so that they stay the same in dollars; needs --usd-feed',
    },
    usdFeed: {
      schema: text,
      label: '<file|url>',
      env: 'OGONG_PROVIDER_USD_FEED',
      description: 'where it is read what one token costs now, each minute; see docs/spec/price-peg.md',
    },
    usdRange: {
      schema: integer({ min: 1, max: 1_000 }),
      env: 'OGONG_PROVIDER_USD_RANGE',
      default: '4',
      description: 'factor by which a price may move at most, up and down, whatever the feed says',
    },
    servedModels: {
      schema: text,
      label: '<file>',
      env: 'OGONG_PROVIDER_SERVED_MODELS',
      description:
        'JSON file with models, ids and prices, in place of --model: they are loaded when they are asked for, within --memory-budget; see docs/served-models.md',
    },
    ...segmentFields,
    ...hubFields,
    listen: {
      schema: hostPort,
      label: '<addr>',
      env: 'OGONG_PROVIDER_LISTEN',
      default: '0.0.0.0:8443',
      description: 'address of the link endpoint',
    },
    bind: { schema: hostPort, label: '<addr>', description: 'same as --listen, by the name that other daemons use' },
    publicEndpoint: {
      schema: hostPort,
      label: '<host:port>',
      env: 'OGONG_PROVIDER_PUBLIC_ENDPOINT',
      description: 'where others reach this provider; needed where it listens on all addresses',
    },
    relay: {
      schema: relayChoice,
      label: '<host:port|cert>|auto',
      env: 'OGONG_RELAY',
      repeatable: true,
      description:
        'relay to register with, with its certificate as a file or hash. Others reach this provider through it, behind any firewall. auto asks the routers for relays; ogong-provider start does so by default if no address is given',
    },
    punchBootstrap: {
      schema: hostPort,
      label: '<host:port>',
      env: 'OGONG_PUNCH_BOOTSTRAP',
      repeatable: true,
      description:
        'node that helps callers to punch a hole to this provider, so that no relay carries their links; needs the package hyperdht. Name a relay, too: not every NAT can be punched',
    },
    relayMaxPrice: {
      schema: atomicAmount,
      default: '0',
      env: 'OGONG_RELAY_MAX_PRICE',
      description:
        'most that a relay may charge for each GiB that it carries, paid from the account of this data directory; 0: only free relays',
    },
    relayMaxDay: {
      schema: atomicAmount,
      env: 'OGONG_RELAY_MAX_DAY',
      description:
        'most that one relay may cost in a day in UTC, since anybody may send bytes through it; 16 GiB at --relay-max-price if not given',
    },
    router: {
      schema: routerPeer,
      label: '<host:port|cert>',
      env: 'OGONG_ROUTER',
      repeatable: true,
      description: 'router to announce to, with its certificate as a file or hash',
    },
    routerCert: {
      schema: text,
      label: '<path|hash>',
      env: 'OGONG_ROUTER_CERT',
      description: 'certificate of the routers that are given without one',
    },
    validatorEndpoint: {
      schema: hostPort,
      label: '<host:port>',
      env: 'OGONG_VALIDATOR_ENDPOINT',
      repeatable: true,
      description: 'serve only orders that these registered validators handle; any registered one if not given',
    },
    verifierEndpoint: {
      schema: routes,
      label: '<host:port>',
      env: 'OGONG_VERIFIER_ENDPOINT',
      description:
        "this operator's verifier, for audits of others, or relay/host:port if it is behind a relay. It needs its certificate and key, and must name this provider",
    },
    verifierCert: {
      schema: text,
      label: '<path|hash>',
      env: 'OGONG_VERIFIER_CERT',
      description: "the verifier's certificate, as a DER or PEM file or its SHA-256",
    },
    verifierKey: {
      schema: hex(32),
      label: '<hash>',
      env: 'OGONG_VERIFIER_KEY',
      description: 'hash of the key that signs its reports: keyHash in the ready line of ogong-verifierd',
    },
    ...teeFields,
    ...upstreamFields,
    ...imageUpstreamFields,
    ...engineFields,
    ...autoBackendField,
    ...servingFields,
    ...visionFields,
    ...embeddedTextFields,
    ...embeddedImageFields,
    ...rpcServersField,
    joinNetwork: {
      schema: boolean,
      boolean: true,
      default: 'true',
      description: 'serve on the network, as this command always does; ogong-provider local serves this machine alone',
    },
    ...dataDirField,
    ...networkFields,
    announceInterval: {
      schema: duration,
      env: 'OGONG_PROVIDER_ANNOUNCE_INTERVAL',
      default: '10s',
      description: 'pause between two announcements',
    },
    drain: {
      schema: duration,
      env: 'OGONG_PROVIDER_DRAIN',
      default: '1m',
      description: 'time for running replies to end once the provider stops; it takes no new orders then',
    },
    beaconInterval: { schema: duration, default: '2s', description: 'pause between two reads of the beacon' },
    payeeWord: {
      schema: text,
      label: '<path>',
      env: 'OGONG_PROVIDER_PAYEE_WORD',
      description:
        'file of `ogong payee sign`: serve for that payee, whose key is on another machine. A newer file in its place is taken within a minute. ' +
        "If not given, this machine's own ledger key is the payee",
    },
    withdrawFrom: {
      schema: atomicAmount,
      env: 'OGONG_PROVIDER_WITHDRAW_FROM',
      description:
        `pay earnings to the payee once this much can be had, ${amountForm}; its account then pays for the transactions. ` +
        'Where the network pays in credits an epoch may take a part, and less than a tenth of this waits. ' +
        'If not given, nothing is paid out until somebody runs ogong withdraw',
    },
    earningsInterval: {
      schema: duration,
      default: '10m',
      description: 'pause between two looks at what was earned',
    },
    openingTtl: {
      schema: duration,
      default: '1d',
      description: "how long after its order's expiry a commitment can be opened; validators ask within a day",
    },
    blobBudget: {
      schema: size,
      env: 'OGONG_PROVIDER_BLOB_BUDGET',
      default: '20GiB',
      description:
        'disk for the large parts of replies, such as the latents of pictures. They are kept as long as openings. A provider without room refuses orders that need it',
    },
  },
});

/** The same settings as serve: this command also reports how the machine is doing. */
export const startConfig = defineConfig({
  ...serveConfig.definition,
  name: 'ogong-provider start',
  examples: [
    'ogong-provider start --model stories15M --model-id ogong/verified/me/stories --price 0.001 --relay auto --router router.example:4544|<cert> --deployment deployment.json',
  ],
  summary:
    'Serves models on the network from wherever this machine is, as ogong-provider serve does, and says how it is doing: where\n' +
    'others reach it, whether a call to itself that way is answered, and what it has earned. Without more it is reached through a relay;\n' +
    'holes to it are punched where --punch-bootstrap names nodes and hyperdht is installed (npm install hyperdht@6.34.0).',
});

export const localConfig = defineConfig({
  name: 'ogong-provider local',
  examples: [
    'ogong-provider local --model stories15M',
    'ogong-provider local --model ./llama-3.2-3b-instruct.gguf --n-ctx 8192',
    'ogong-provider local --model stories260K --adapter ./pirate.gguf',
    'ogong-provider local --model llama3.1:8b --with 192.168.1.20:4711',
  ],
  summary: 'Serves models on this machine to clients of OpenAI, Anthropic and Ollama. No network, no account.',
  refusedFlags: refusedSoundFlags,
  fields: {
    model: {
      schema: text,
      label: '<path|name>',
      env: 'OGONG_PROVIDER_MODEL',
      repeatable: true,
      description:
        'model to load at once: a GGUF or ONNX file, a model folder, hf:owner/repo[:quant], a URL, or a built-in name. +adapter behind it adds a LoRA adapter. Other models of this machine load when a request names them',
    },
    adapter: {
      schema: text,
      label: '<path|name>',
      env: 'OGONG_PROVIDER_ADAPTER',
      repeatable: true,
      description:
        'LoRA adapter (GGUF) for the models of --model: a request for model+adapter runs with it, and loads it when it is first asked for',
    },
    servedModels: {
      schema: text,
      label: '<json|file>',
      env: 'OGONG_PROVIDER_LOCAL_MODELS',
      description:
        'the only models to serve, in place of --model, as JSON or a file with it. Each is loaded on demand, within --memory-budget; see docs/served-models.md',
    },
    with: {
      schema: hostPorts,
      env: 'OGONG_PROVIDER_WITH',
      description:
        'other machines of yours that compute the first layers of --model, in their order (ogong-provider segment). This one computes the last layers; see docs/own-machines.md',
    },
    ...machinesKeyField,
    ...rpcServersField,
    listen: {
      schema: hostPort,
      label: '<addr>',
      env: 'OGONG_PROVIDER_LOCAL_LISTEN',
      default: '127.0.0.1:11434',
      description: "bind address, Ollama's port by default",
    },
    keepAlive: {
      schema: duration,
      env: 'OGONG_KEEP_ALIVE',
      default: '5m',
      description: 'how long a model that was loaded when it was asked for stays after its last answer',
    },
    origin: {
      schema: text,
      label: '<origin>',
      env: 'OGONG_PROVIDER_ORIGIN',
      repeatable: true,
      description: 'web origin whose pages may call, besides those of this machine and of desktop apps; * for all',
    },
    allowHost: {
      schema: text,
      label: '<name>',
      env: 'OGONG_PROVIDER_ALLOW_HOST',
      repeatable: true,
      description:
        'name that requests may be sent to, such as nas.local or *.home.example; lan allows all names that no web site can have, and * allows all',
    },
    upstream: {
      ...upstreamFields.upstream,
      description:
        "answer by another server with OpenAI's API instead of this machine, with --model as that server's names; answers have no receipts then",
    },
    upstreamKeyFile: upstreamFields.upstreamKeyFile,
    upstreamKey: upstreamFields.upstreamKey,
    ...imageUpstreamFields,
    imageUpstream: {
      ...imageUpstreamFields.imageUpstream,
      description:
        "make pictures on another server with OpenAI's API of images, with --model as that server's names; answers have no receipts then",
    },
    ...engineFields,
    ...autoBackendField,
    drafts: servingFields.drafts,
    draftModel: {
      ...servingFields.draftModel,
      description:
        'a smaller model of the same vocabulary that guesses tokens ahead, named as in --model. auto takes the draft that the catalogue names, if it is on this machine. In an exact class answers stay the same to the bit',
    },
    ...visionFields,
    embeddedText: {
      ...embeddedTextFields.embeddedText,
      description:
        '--model by another name, for a chat model: here each also makes embeddings, by the mean of its hidden states',
    },
    ...embeddedImageFields,
    ...dataDirField,
    logLevel,
  },
});

/** Port that Ollama takes if OLLAMA_HOST names none, by its scheme. */
const OLLAMA_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

/**
 * Adds the settings that Ollama's variables name: OLLAMA_HOST, as `host`, `host:port`, `:port` or a URL, and OLLAMA_ORIGINS. Our own
 * variables and flags win.
 */
export function withOllamaVariables(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const host = env.OLLAMA_HOST?.trim().replace(/^["']|["']$/g, '');
  const origins = env.OLLAMA_ORIGINS?.trim();
  return {
    ...(host ? { OGONG_PROVIDER_LOCAL_LISTEN: toListen(host) } : {}),
    ...(origins ? { OGONG_PROVIDER_ORIGIN: origins } : {}),
    ...env,
  };
}

function toListen(host: string): string {
  const [, scheme, rest = ''] = /^(?:(https?):\/\/)?([^/]*)/.exec(host) ?? [];
  const port = (scheme === undefined ? undefined : OLLAMA_PORTS[scheme]) ?? '11434';
  // An address of version 6 without a port.
  if (/^\[[^\]]*\]$/.test(rest)) return `${rest}:${port}`;
  if (rest.split(':').length > 2 && !rest.startsWith('[')) return `[${rest}]:${port}`;
  const [, name = '', given] = /^(.*?)(?::(\d+))?$/.exec(rest) ?? [];
  return `${name || (given === undefined ? '127.0.0.1' : '0.0.0.0')}:${given ?? port}`;
}

export const idConfig = defineConfig({
  name: 'ogong-provider id',
  examples: ['ogong-provider id'],
  summary:
    "Prints the id of this machine's provider key, which a payee on another machine signs for (ogong payee sign).",
  fields: { ...dataDirField, json: jsonField },
});

export const walletConfig = defineConfig({
  name: 'ogong-provider wallet',
  examples: ['ogong-provider wallet'],
  summary: 'Prints the ledger address that fees are paid to.',
  fields: { ...dataDirField, json: jsonField },
});

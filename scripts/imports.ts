// Checks the directions of imports between packages; roles never import roles. The pure package uses no clock, randomness or
// I/O. Code that is specific to a tier or a modality stays in its file. Each rule has a canary in imports.test.ts.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENDPOINTS } from '@ogong/protocol/modality/endpoints';
import { findModality } from '@ogong/protocol/modality/registry';
import { TIERS } from '@ogong/protocol/tier/registry';

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
}

/** Packages that the product code of each package may import. Tests may import more: the fixtures, and the code under test. */
const ALLOWED_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'packages/protocol': [],
  'packages/attestation': ['protocol'],
  'packages/models': ['protocol'],
  'packages/hub': ['protocol', 'models'],
  'packages/storage': ['protocol', 'chain', 'host', 'models', 'hub'],
  'packages/engine': ['protocol', 'models'],
  'packages/chain': ['protocol'],
  'packages/host': ['protocol', 'attestation', 'chain'],
  'packages/postgres': ['host'],
  'packages/gateway': ['protocol', 'attestation', 'chain', 'host', 'hub', 'postgres', 'memory'],
  'packages/router': ['protocol', 'chain', 'host'],
  'packages/validator': ['protocol', 'attestation', 'chain', 'host'],
  'packages/provider': ['protocol', 'attestation', 'chain', 'host', 'models', 'engine', 'hub'],
  'packages/sdk': ['protocol', 'chain'],
  'packages/ai-provider': ['sdk'],
  'packages/langchain': ['sdk'],
  'packages/memory': ['protocol', 'host', 'postgres', 'sdk'],
  'packages/mcp': ['protocol', 'host', 'sdk'],
  'packages/devnet': ['protocol', 'chain', 'host', 'models', 'gateway', 'router', 'validator', 'provider'],
  'packages/cli': [
    ...['protocol', 'attestation', 'chain', 'host', 'models', 'engine', 'sdk', 'devnet'],
    ...['gateway', 'router', 'validator', 'provider', 'hub', 'storage', 'memory', 'mcp'],
  ],
  'apps/explorer': ['protocol', 'attestation', 'chain', 'hub', 'sdk'],
  'packages/testing': [
    'protocol',
    'attestation',
    'chain',
    'host',
    'models',
    'hub',
    'storage',
    'engine',
    'postgres',
    'gateway',
    'router',
    'validator',
    'provider',
    'sdk',
    'memory',
    'mcp',
    'devnet',
  ],
  lab: [
    'protocol',
    'attestation',
    'chain',
    'host',
    'models',
    'hub',
    'storage',
    'engine',
    'postgres',
    'gateway',
    'router',
    'validator',
    'provider',
    'sdk',
    'memory',
    'mcp',
    'devnet',
    'cli',
    'testing',
  ],
};

/** Folders of a package that never import each other: roles, which meet over the wire. */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  'packages/provider/src': ['provider', 'verifier', 'local'],
};

/**
 * Floors of a package, lowest first; `.` stands for files in no folder. A file imports from its own floor and from floors
 * below.
 */
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  'packages/protocol/src': [
    'generated',
    'base',
    'crypto',
    'commitment',
    'beacon',
    'tier',
    'exchange',
    'machine',
    'network',
    'sealing',
    'stage1',
    'statistics',
    'modality',
    'http',
    'audit',
    'settlement',
    'verdict',
  ],
  'packages/protocol/src/modality/text': [
    'sampling',
    'grammar',
    'answer',
    'commitment',
    'boundary',
    'fields',
    'request',
    'dialect',
    'stage1',
    'stage2',
    'drift',
    '.',
  ],
  'packages/gateway/src': ['books', 'outbox', 'buy', 'front', 'sealed', 'admin', 'public', '.', 'bin'],
  'packages/router/src': ['relay', '.', 'bin'],
  'packages/validator/src': [
    'signer',
    'store',
    'beacon',
    'audit',
    'witness',
    'canary',
    'settlement',
    'prices',
    'hearings',
    'machines',
    'intake',
    '.',
    'commands',
    'bin',
  ],
  'packages/host/src': [
    '.',
    'files',
    'media',
    'time',
    'feed',
    'crypto',
    'log',
    'config',
    'attester',
    'store',
    'link',
    'blob',
    'http',
    'media',
    'openai',
    'dialect',
    'metrics',
    'views',
    'network',
    'drift-table',
    'lifecycle',
  ],
  'packages/provider/src': [
    'shard',
    'cohort',
    'modality',
    'engine',
    'hub',
    'machine',
    'provider',
    'verifier',
    'segment',
    'local',
    'proxy',
    'calibration',
    'commands',
    'join',
    'bin',
  ],
  'packages/devnet/src': ['chain', 'mesh'],
  'packages/hub/src': ['.', 'content', 'store', 'transfer', 'named', 'search', 'evaluation'],
  'packages/models/src': ['gguf', 'onnx', '.', 'projector', 'safetensors', 'conversion', 'slabs'],
  'packages/engine/src': [
    ...['interface', 'pixels', 'decode', 'process', 'llama-cpp', 'onnx', 'vision', 'upstream', 'class-search', '.'],
  ],
  'packages/cli/src': [
    'convert',
    'mesh',
    '.',
    'join',
    'agent',
    'memory',
    'backup',
    'calibrate',
    'compare',
    'doctor',
    'watch',
    'money',
    'deploy',
    'hub',
    'bin',
  ],
};

const TEST_FILE = /\.test\.ts$/;
const FAST_TEST = /\/[^/]+(?<!\.(process|simulation|model|e2e))\.test\.ts$/;

/** Files that may read `process`: entry points, the command line, and supervisors of processes. */
const MAY_READ_PROCESS = [
  /^packages\/[a-z]+\/src\/bin\//,
  /^packages\/cli\//,
  /^packages\/provider\/src\/commands\//,
  /^packages\/host\/src\/lifecycle\//,
  /^packages\/devnet\/src\/mesh\//,
  /^packages\/engine\/src\/process\//,
  /^packages\/[a-z]+\/src\/.*[./-]child(-fixture)?\.ts$/,
  /^(?:packages|apps)\/[a-z]+\/scripts\//,
  /^contracts\//,
  /^scripts\//,
  /^lab\//,
];
const IMPURE = /\bDate\.now\b|\bnew Date\b|\bMath\.random\b|\bperformance\.now\b|\bsetTimeout\b|\bfetch\(/;
const IMPORT =
  /^\s*(?:import|export)\b[^'"]*?\bfrom\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/;

/** Matches code that compares a text with one of these names. */
function matchTestOf(names: readonly string[], ...more: readonly string[]): RegExp {
  const name = `['"\`](?:${names.join('|')})['"\`]`;
  const tests = [`[!=]==?\\s*${name}`, `${name}\\s*[!=]==?`, `\\bcase\\s+${name}\\s*:`, `\\bincludes\\(${name}`];
  return new RegExp([...tests, ...more].join('|'));
}

/** Tier names. Code that compares with one decides what the tier's own file should decide. */
const TIER_NAMES = TIERS.map(({ name }) => name);
const TIER_TEST = matchTestOf(TIER_NAMES, `\\bstartsWith\\(['"\`]ogong/(?:${TIER_NAMES.join('|')})/`);
const TIER_HOME = /^packages\/protocol\/src\/tier\//;

/** Comparisons with an endpoint. Such code decides what the modality should decide. */
const ENDPOINT_TEST = matchTestOf(ENDPOINTS);

/**
 * Matches a list of names that the registry should give:
 *
 * - a record from a name to a constant or to one shared function (`chat: 'x'`, `chat: { path: … }`, `chat: forward,`);
 * - two names side by side;
 * - a regular expression with names as alternatives.
 *
 * A record of different functions (`chat: createHandler()`) is no list.
 */
function matchListOf(names: readonly string[]): RegExp {
  const any = `(?:${names.join('|')})`;
  const quoted = `['"\`]${any}['"\`]`;
  const constant = `(?:['"\`/\\d]|(?:true|false)\\b|\\{\\s*(?:method|path|\\w*[pP]refix)\\b)`;
  return new RegExp(
    [
      `(?:^\\s*|[{,]\\s*)(?:${any}|${quoted})\\s*:\\s*${constant}`,
      `^\\s*(?:${any}|${quoted})\\s*:\\s*\\w+,?$`,
      `${quoted}\\s*[,|]\\s*${quoted}`,
      `\\b${any}\\s*,\\s*${any}\\b`,
      `\\b${any}\\|${any}\\b`,
    ].join('|'),
  );
}

const ENDPOINT_LIST = matchListOf(ENDPOINTS);
/** Files where the same words are the names of other routes. */
const OTHER_NAMES: ReadonlySet<string> = new Set([
  'packages/protocol/src/http/routes.ts',
  'packages/provider/src/local/ollama/routes.ts',
  // Models by their use.
  'packages/memory/src/daemon/create-models.ts',
  // Tokens of Markdown.
  'apps/explorer/src/markdown/tree.ts',
]);
/** The modalities, the code that builds OpenAI's objects, where ids of chats have another prefix, and Markdown, which has images. */
const ENDPOINT_HOMES =
  /^packages\/(?:(?:protocol|provider)\/src\/modality|host\/src\/openai)\/|^apps\/explorer\/src\/markdown\//;

/** Names of limits that two roles must share: sizes on the wire, and distances of times and epochs. */
const LIMIT =
  /^\s*(?:export )?const ((?:MAX_\w*BYTES|MAX_EXCLUDED\w*|\w*(?:SLACK|TOLERANCE|LIFETIME|EPOCH_DISTANCE)\w*|\w*_KEPT_MS))\b[^=]*=\s*(.*)$/;
const LIMITS = 'packages/protocol/src/exchange/limits.ts';
const LIMIT_HOMES =
  /^packages\/protocol\/src\/exchange\/|^packages\/(?:gateway|router|validator)\/src\/(?!bin\/|relay\/|signer\/)|^packages\/provider\/src\/(?:provider|verifier|local)\//;
/** Limits that only one side applies. */
const LOCAL_LIMITS: ReadonlySet<string> = new Set([
  'packages/gateway/src/buy/reply-bounds.ts:MAX_TOKEN_BYTES',
  'packages/gateway/src/outbox/complaint-outbox.ts:LIFETIME_MS',
  'packages/provider/src/local/local-server.ts:MAX_BODY_BYTES',
  'packages/provider/src/provider/provider-state.ts:MAX_MESSAGE_BYTES',
  'packages/router/src/router.ts:MAX_MESSAGE_BYTES',
  'packages/validator/src/route-dependencies.ts:MAX_EVIDENCE_BYTES',
  'packages/validator/src/route-dependencies.ts:MAX_BATCH_BYTES',
]);

/** Names of modalities. Code that decides by one belongs to the modality, which each floor reaches through one registry. */
const MODALITY_NAMES = [...new Set(ENDPOINTS.map((endpoint) => findModality(endpoint).name))];
/** Names that mean a modality wherever they stand. The word "text" also names columns, parts of a chat and kinds of a prompt. */
const OWN_NAMES = MODALITY_NAMES.filter((name) => name !== 'text').join('|');
const capitalise = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
const MODALITY_NAMED = new RegExp(
  [
    // The specification of an engine, such as 'text-v1'.
    `['"\`](?:${MODALITY_NAMES.join('|')})-v\\d+['"\`]`,
    `['"\`](?:${OWN_NAMES})['"\`]`,
    `\\b(?:modality|specificationVersion)\\s*[!=]==?\\s*['"\`]`,
    // Tests of a reply, a header or an engine, such as isTextHeader.
    `\\bis(?:${MODALITY_NAMES.map(capitalise).join('|')})(?:Header|Endpoint|Reply|Model|Engine)?\\b`,
  ].join('|'),
);
/** Imports of a modality's own files. Those of texts are still many: traces and chat APIs. */
const MODALITY_IMPORT = new RegExp(`/(?:modality/(?:${OWN_NAMES})/|interface/(?:${OWN_NAMES})(?:\\.ts)?$)`);
/** The modalities' own folders, and one registry a floor. */
const MODALITY_HOMES =
  /^packages\/(?:protocol\/src\/modality|provider\/src\/modality|engine\/src\/(?:interface|llama-cpp|onnx|upstream|process|decode\/trajectory))\/|^apps\/explorer\/src\/modality\/|^packages\/engine\/src\/open-engine\.ts$/;
/** Files that still name a modality. A file leaves this list when it no longer does. */
const MAY_NAME_MODALITY: ReadonlySet<string> = new Set([
  // Timed work is made of texts alone.
  'packages/validator/src/store/timed-work.ts',
  // A message or picture of a chat is compared with its receipt.
  'packages/cli/src/shown-answer.ts',
  'apps/explorer/src/chat/check-turn.ts',
  // Routes of vectors, scores and pictures, in the words of OpenAI and Ollama.
  'packages/gateway/src/front/embeddings.ts',
  'packages/gateway/src/front/picture-chain.ts',
  'packages/gateway/src/front/pictures.ts',
  'packages/gateway/src/front/replay-handlers.ts',
  'packages/gateway/src/front/tensors.ts',
  'packages/gateway/src/sealed/find-sealed.ts',
  'packages/gateway/src/sealed/sealed-handlers.ts',
  'packages/provider/src/local/ollama/embed.ts',
  'packages/provider/src/local/ollama/generate-picture.ts',
  // Memories keep vectors, and the receipts that sign them.
  'packages/memory/src/models/read-evidence.ts',
  'packages/memory/src/verify/check-call.ts',
  // The SDK's calls for vectors, scores and pictures.
  'packages/sdk/src/ask-inputs.ts',
  'packages/sdk/src/client.ts',
  'packages/sdk/src/pictures/check-links.ts',
  'packages/sdk/src/pictures/picture-file.ts',
  'packages/sdk/src/pictures/read-pictures.ts',
  'packages/sdk/src/pictures/unpack-png.ts',
  'packages/sdk/src/read-scores.ts',
  'packages/sdk/src/read-tensors.ts',
  'packages/sdk/src/read-vectors.ts',
  'packages/sdk/src/sealed/sealed-vectors.ts',
]);

/** @returns the places where a file names a modality that is not its own. */
function findNamedModalities(path: string, lines: readonly string[]): Violation[] {
  if (MODALITY_HOMES.test(path)) return [];
  const found = lines.flatMap((line, i) => {
    const target = IMPORT.exec(line)?.slice(1).find(Boolean) ?? /\bfrom\s+['"]([^'"]+)['"]/.exec(line)?.[1];
    const isNamed = target === undefined ? MODALITY_NAMED.test(line) : MODALITY_IMPORT.test(target);
    return isNamed
      ? [{ path, line: i + 1, rule: "a modality is named outside its folders: use the floor's registry of modalities" }]
      : [];
  });
  if (!MAY_NAME_MODALITY.has(path)) return found;
  return found.length > 0
    ? []
    : [{ path, line: 1, rule: 'it names no modality any more: take it off the list of exceptions' }];
}

/** Files of daemons are readable by their own user alone; one module creates them all. */
const FILE_MAKER = /\b(?:mkdir|mkdtemp|writeFile|appendFile|open)(?:Sync)?\b|\bcreateWriteStream\b|\bDatabaseSync\b/;
const FILE_HOMES = /^packages\/(?:host|gateway|router|validator|provider|devnet)\/src\//;
const MAY_MAKE_FILES: ReadonlySet<string> = new Set([
  // Entries of the kernel's file system, which no disk has.
  'packages/host/src/attester/configfs-attester.ts',
  'packages/host/src/files/private-files.ts',
  // Reads a key, and syncs what it has linked into place.
  'packages/host/src/crypto/key-files.ts',
  'packages/host/src/store/store.ts',
  // Opens a log that is there, to sync it.
  'packages/host/src/store/log-sync.ts',
  // A socket in a directory that mkdtemp makes for this user alone.
  'packages/host/src/link/as-socket.ts',
  // The service manager reads it, in a directory that belongs to the user's desktop.
  'packages/provider/src/commands/install-command.ts',
  // Tables are published.
  'packages/host/src/drift-table/table-file.ts',
]);

/** Files that open connections by themselves. Others dial through packages/host/src/link, which checks addresses of strangers. */
const DIALLER = /\b(?:connect|createConnection|request|get|createSocket|dialDirect|createLinkClient)\b|\bSocket as\b/;
const DIAL_MODULE =
  /^(?:node:(?:net|tls|http|https|http2|dgram)|undici|(?:@ogong\/host\/link|\.{1,2}(?:\/[a-z]+)*)\/(?:reach\/)?(?:dial|link-client)(?:\.ts)?)$/;
const DIAL_HOMES = /^packages\/(?:host|gateway|router|validator|provider|cli)\/src\//;
const MAY_DIAL: ReadonlySet<string> = new Set([
  // The check of addresses, the dialling behind it, and links of the operator's own peers.
  'packages/host/src/link/reach/dial.ts',
  'packages/host/src/link/link-sessions.ts',
  // Links whose ladder checks addresses.
  'packages/host/src/link/link-pool.ts',
  'packages/host/src/link/reach/relay-registration.ts',
  'packages/cli/src/doctor/examine-certificates.ts',
  // Small files of strangers, by a socket whose address was checked.
  'packages/host/src/http/read-named.ts',
  // Files of strangers' places, from addresses that are checked as they are dialled.
  'packages/host/src/http/checked-fetch.ts',
  // Two ends of one pair on loopback.
  'packages/host/src/link/as-socket.ts',
  // Sockets and addresses that the operator configured.
  'packages/host/src/attester/dstack-attester.ts',
  'packages/provider/src/machine/https-exchange.ts',
  'packages/provider/src/machine/shown-link.ts',
  'packages/provider/src/segment/remote-segment.ts',
  'packages/validator/src/signer/signer-connections.ts',
]);

/** Modules that a daemon loads only where a setting asks for them, and the files that are loaded with them. */
const LATE_HOMES = /^packages\/(?:gateway|memory)\/src\//;
const LATE_MODULE = /^@ogong\/postgres\/postgres-store$|\/(?:open-)?gateway-memor(?:y|ies)\.ts$/;
const LATE_MEMORY = /^@ogong\/memory\//;
const LOADED_LATE: ReadonlySet<string> = new Set([
  'packages/gateway/src/gateway-memory.ts',
  'packages/gateway/src/open-gateway-memories.ts',
]);
/** Roles load the code for evidence with the first evidence: a library for certificates takes a daemon 36 ms and 4 MB. */
const EVIDENCE_HOMES = /^packages\/(?:host|gateway|router|validator|provider)\/src\//;
const EVIDENCE_MODULE =
  /^@peculiar\/|^@ogong\/attestation\/(?!(?:evidence-error|evidence-file|evidence-statement|image-list|policy-file)$)/;
const STATIC_IMPORT = /^\s*(?:import|export)\s+(?!type\b)/;

/** Files that dial private addresses: those that the operator named. Others compute the policy from the chain. */
const ANY_ADDRESS = /\bdialPolicy: [^,]*'any'/;
const MAY_DIAL_ANY: ReadonlySet<string> = new Set([
  'packages/host/src/link/link-pool.ts',
  'packages/provider/src/provider/serve-daemon.ts',
  'packages/provider/src/verifier/verifier.ts',
]);

/** Calls of the global `fetch`. A file that declares a function of this name calls its own. */
const FETCH_CALL = /(?<![.\w])(?<!function )fetch\((?!\w+\??: )/;
const OWN_FETCH = /\b(?:const|function) fetch\b/;
const FETCH_METHOD = /^\s*(?:async )?fetch\(.*\) \{$/;
/** Files that fetch from addresses that the operator or the user named. `fetch` cannot be bound to an address that was checked. */
const MAY_FETCH: ReadonlySet<string> = new Set([
  'packages/host/src/feed/feed-text.ts',
  'packages/host/src/network/fetch-network.ts',
  'packages/host/src/metrics/otlp-exporter.ts',
  'packages/gateway/src/books/budget-alerts.ts',
  'packages/validator/src/canary/buy-canary.ts',
  // Programs on this machine.
  'packages/provider/src/commands/local-api.ts',
  'packages/provider/src/local/server-note.ts',
  'packages/provider/src/local/taken-address.ts',
  'packages/cli/src/mesh-command.ts',
  'packages/cli/src/memory/running-services.ts',
  'packages/cli/src/watch/find-daemons.ts',
  // Commands of the user.
  'packages/cli/src/ask-command.ts',
  'packages/cli/src/hub/evaluate/gateway-models.ts',
  'packages/cli/src/compare/endpoint.ts',
  'packages/cli/src/receipt-file.ts',
]);

/** Code of daemons, which the simulator runs in its own time and with its own chance. */
const SIMULATED =
  /^packages\/(?:host|chain|postgres)\/src\/|^packages\/(?:gateway|validator)\/src\/(?!bin\/)|^packages\/router\/src\/(?!bin\/|relay\/)|^packages\/provider\/src\/(?:modality|engine|provider|verifier)\//;
/** Simulated code receives clock and chance by an argument, or from one of the files below. */
const OWN_CLOCK = /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/;
const OWN_CHANCE = /\bMath\.random\b|\bgetRandomValues\b/;
/** Clocks that the simulator cannot replace (lab/src/simulator/world/intercept.ts): a run with them would not play twice alike. */
const ESCAPES = /\bhrtime\b|\bperformance\.timeOrigin\b|\bprocess\.uptime\b|\bAtomics\.wait\b/;
const ESCAPING_IMPORTS: Readonly<Record<string, RegExp>> = {
  'node:worker_threads': /\{/,
  'node:perf_hooks': /\{/,
  'node:crypto':
    /\b(?:randomInt|randomFill|randomFillSync|generateKey|generateKeySync|generateKeyPair|generateKeyPairSync|webcrypto)\b/,
};
/** Code that the simulator leaves out: its disks sync at once. */
const MAY_ESCAPE: ReadonlySet<string> = new Set(['packages/host/src/store/log-checkpoints.ts']);
const CHANCE_IMPORT = /\b(?:randomBytes|randomUUID)\b/;
const CLOCK_HOME = 'packages/host/src/time/clock.ts';
/** Keys of TLS, which links of a simulator do not have, and the primitives behind `Crypto`, which a simulator replaces. */
const KEY_MAKERS: ReadonlySet<string> = new Set([
  'packages/host/src/crypto/ledger/native-library.ts',
  'packages/host/src/crypto/node-seal.ts',
]);
/** Where chance comes in: where a role is put together, and for names and keys that no other role reads. */
const CHANCE_HOMES: ReadonlySet<string> = new Set([
  'packages/chain/src/keys.ts',
  'packages/chain/src/registry/model-registry.ts',
  'packages/chain/src/registry/registry-writes.ts',
  'packages/host/src/crypto/key-files.ts',
  'packages/host/src/drift-table/table-file.ts',
  'packages/host/src/files/private-files.ts',
  'packages/host/src/http/api-app.ts',
  'packages/host/src/link/as-socket.ts',
  'packages/host/src/link/reach/relay-registration.ts',
  'packages/gateway/src/books/api-keys.ts',
  'packages/host/src/metrics/observation.ts',
  'packages/gateway/src/gateway.ts',
  'packages/postgres/src/postgres-peers.ts',
  'packages/gateway/src/buy/match/provider-match.ts',
  'packages/provider/src/provider/serving/outbox.ts',
  'packages/provider/src/provider/serve-daemon.ts',
]);

/** @returns the way in which a line, or an import, of simulated code gets past the simulator. */
function findStrayTime(path: string, line: string): string | undefined {
  if (!SIMULATED.test(path)) return undefined;
  if (ESCAPES.test(line))
    return 'the simulator has no hold of it: daemons take time from packages/host/src/time/clock.ts';
  if (OWN_CLOCK.test(line) && path !== CLOCK_HOME) return `daemons take time from ${CLOCK_HOME}, or as an argument`;
  return OWN_CHANCE.test(line) && !CHANCE_HOMES.has(path) ? 'chance of daemons is an argument' : undefined;
}

function findStrayImport(path: string, target: string, statement: string): string | undefined {
  if (!SIMULATED.test(path) || KEY_MAKERS.has(path) || /^\s*import\s+type\b/.test(statement)) return undefined;
  if (ESCAPING_IMPORTS[target]?.test(statement) && !MAY_ESCAPE.has(path))
    return `the simulator has no hold of what this takes from ${target}`;
  const isChance = target === 'node:crypto' && CHANCE_IMPORT.test(statement);
  return isChance && !CHANCE_HOMES.has(path) ? 'chance of daemons is an argument' : undefined;
}

/** A limit that is computed from another one is no second definition. */
function findStrayLimit(path: string, line: string): string | undefined {
  const [, name, value] = LIMIT.exec(line) ?? [];
  if (name === undefined || value === undefined || path === LIMITS || !LIMIT_HOMES.test(path)) return undefined;
  const isDerived =
    /\b(?:MAX_\w*BYTES|MAX_\w*LIFETIME_MS|MAX_EXCLUDED_PROVIDERS|CLOCK_TOLERANCE_MS|OPENING_KEPT_MS)\b/.test(value);
  return isDerived || LOCAL_LIMITS.has(`${path}:${name}`)
    ? undefined
    : `${name}: a limit that two roles share belongs in ${LIMITS}`;
}

function makesFiles(path: string, target: string, statement: string): boolean {
  const isAsked = FILE_HOMES.test(path) && !MAY_MAKE_FILES.has(path);
  return isAsked && /^node:(?:fs|fs\/promises|sqlite)$/.test(target) && FILE_MAKER.test(statement);
}

function opensConnections(path: string, target: string, statement: string): boolean {
  if (!DIAL_HOMES.test(path) || MAY_DIAL.has(path) || /^\s*import\s+type\b/.test(statement)) return false;
  return DIAL_MODULE.test(target) && DIALLER.test(statement);
}

function loadsEarly(path: string, target: string, statement: string): boolean {
  if (!LATE_HOMES.test(path) || LOADED_LATE.has(path) || !STATIC_IMPORT.test(statement)) return false;
  return LATE_MODULE.test(target) || (path.startsWith('packages/gateway/') && LATE_MEMORY.test(target));
}

function loadsEvidenceEarly(path: string, target: string, statement: string): boolean {
  return EVIDENCE_HOMES.test(path) && STATIC_IMPORT.test(statement) && EVIDENCE_MODULE.test(target);
}

function fetches(path: string, line: string, text: string): boolean {
  if (!DIAL_HOMES.test(path) || MAY_FETCH.has(path) || OWN_FETCH.test(text)) return false;
  return FETCH_CALL.test(line) && !FETCH_METHOD.test(line);
}

function packageOf(path: string): string | undefined {
  return Object.keys(ALLOWED_PACKAGES).find((name) => path.startsWith(`${name}/`));
}

export function checkImports(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(checkFile);
}

function checkFile({ path, text }: SourceFile): Violation[] {
  const home = packageOf(path);
  if (home === undefined) return [];
  const isTest = /\.(test|fuzz)\.ts$|-fixture\.ts$|^packages\/testing\/|^(?:packages|apps)\/[a-z]+\/scripts\//.test(
    path,
  );
  const found: Violation[] = [];
  // Imports may span lines, so statements are joined before matching.
  const lines = text.split('\n');
  const code = text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' ')).split('\n');
  const stripped = code.map((line) => line.replace(/(^|[^:])\/\/.*$/, '$1'));
  if (!isTest && home !== 'lab') found.push(...findNamedModalities(path, stripped));
  let statement = '';
  let start = 0;
  for (let i = 0; i < lines.length; i++) {
    const line = stripped[i] as string;
    if (statement === '' && /^\s*(import|export)\b/.test(line) && !/['"]/.test(line) && /[{*]\s*|type/.test(line)) {
      statement = line;
      start = i;
    } else if (statement !== '') {
      statement += ` ${line}`;
    } else {
      statement = line;
      start = i;
    }
    const match = IMPORT.exec(statement);
    const target = match?.[1] ?? match?.[2] ?? match?.[3];
    if (target !== undefined) {
      for (const rule of brokenRules(path, home, target, isTest)) found.push({ path, line: start + 1, rule });
      const strayImport = isTest ? undefined : findStrayImport(path, target, statement);
      if (strayImport !== undefined) found.push({ path, line: start + 1, rule: strayImport });
      if (!isTest && makesFiles(path, target, statement)) {
        found.push({
          path,
          line: start + 1,
          rule: 'files of daemons are made by packages/host/src/files/private-files.ts',
        });
      }
      if (!isTest && loadsEvidenceEarly(path, target, statement)) {
        found.push({
          path,
          line: start + 1,
          rule: 'a role loads code for evidence with `import()` when there is evidence',
        });
      }
      if (!isTest && loadsEarly(path, target, statement)) {
        found.push({
          path,
          line: start + 1,
          rule: `${target} is loaded only where a setting asks for it: use import()`,
        });
      }
      if (!isTest && opensConnections(path, target, statement)) {
        found.push({
          path,
          line: start + 1,
          rule: 'connections of daemons are dialled by packages/host/src/link, which checks the addresses of strangers',
        });
      }
    }
    if (target !== undefined || /['"]|;\s*$|^\s*export (const|function|interface|type|class|async)/.test(statement))
      statement = '';
    if (FAST_TEST.test(path) && /\bvi\.(mock|doMock|resetModules)\(/.test(line)) {
      found.push({ path, line: i + 1, rule: 'fast tests share their modules (vitest.config.ts): they mock none' });
    }
    if (!TEST_FILE.test(path) && /^(?:before|after)(?:Each|All)\(/.test(line)) {
      found.push({
        path,
        line: i + 1,
        rule: 'files of tests share a module, and its hook is for the first of them alone',
      });
    }
    if (isTest) continue;
    if (DIAL_HOMES.test(path) && ANY_ADDRESS.test(line) && !MAY_DIAL_ANY.has(path)) {
      found.push({ path, line: i + 1, rule: 'a dial policy follows from the chain: use toDialPolicy' });
    }
    if (fetches(path, line, text)) {
      found.push({ path, line: i + 1, rule: 'fetch goes to addresses that the operator or the user named alone' });
    }
    const stray = findStrayLimit(path, line);
    if (stray !== undefined) found.push({ path, line: i + 1, rule: stray });
    const strayTime = findStrayTime(path, line);
    if (strayTime !== undefined) found.push({ path, line: i + 1, rule: strayTime });
    if (home !== 'lab' && TIER_TEST.test(line) && !TIER_HOME.test(path)) {
      found.push({ path, line: i + 1, rule: 'a decision of a tier belongs in packages/protocol/src/tier' });
    }
    if (home !== 'lab' && ENDPOINT_LIST.test(line) && !ENDPOINT_HOMES.test(path) && !OTHER_NAMES.has(path)) {
      found.push({
        path,
        line: i + 1,
        rule: 'lists of endpoints come from packages/protocol/src/modality/endpoints.ts',
      });
    }
    if (home !== 'lab' && ENDPOINT_TEST.test(line) && !ENDPOINT_HOMES.test(path) && !OTHER_NAMES.has(path)) {
      found.push({ path, line: i + 1, rule: 'a decision of an endpoint belongs in packages/protocol/src/modality' });
    }
    if (home === 'packages/protocol' && IMPURE.test(line)) {
      found.push({ path, line: i + 1, rule: 'protocol is pure: clock, chance and I/O are parameters' });
    }
    if (
      /\bprocess\.(env|argv|exit|on|stdout|stderr|stdin|cwd)\b/.test(line) &&
      !MAY_READ_PROCESS.some((r) => r.test(path))
    ) {
      found.push({ path, line: i + 1, rule: 'only the command line reads process' });
    }
  }
  return found;
}

function brokenRules(path: string, home: string, target: string, isTest: boolean): string[] {
  const rules: string[] = [];
  const own = /^@ogong\/([a-z-]+)/.exec(target)?.[1];
  if (
    own !== undefined &&
    own !== home.replace(/^(?:packages|apps)\//, '') &&
    !(ALLOWED_PACKAGES[home] as readonly string[]).includes(own) &&
    !(isTest && own !== 'lab')
  ) {
    rules.push(`${home} must not import @ogong/${own}`);
  }
  if (target.startsWith('.')) {
    const resolved = normalize(join(dirname(path), target)).replaceAll('\\', '/');
    if (packageOf(resolved) !== home) rules.push(`${home} must not reach into ${resolved}`);
    if (!isTest) rules.push(...crossedRoles(path, resolved));
    if (!isTest) rules.push(...brokenFloors(path, resolved));
    if (!/\.(tsx?|json)$/.test(target)) rules.push(`relative imports name the file with its extension: ${target}`);
  }
  const isScript = path.startsWith(`${home}/scripts/`);
  if (home === 'packages/protocol' && target.startsWith('node:') && !isTest && !isScript)
    rules.push('protocol must not import node:');
  if (
    ['packages/sdk', 'packages/ai-provider', 'packages/langchain', 'packages/attestation'].includes(home) &&
    target.startsWith('node:') &&
    !isTest &&
    !isScript
  )
    rules.push(`${home.replace('packages/', '')} runs in the browser: no node:`);
  return rules;
}

function crossedRoles(path: string, resolved: string): string[] {
  const house = Object.keys(ROLES).find((name) => [path, resolved].every((file) => file.startsWith(`${name}/`)));
  if (house === undefined) return [];
  const roleOf = (file: string): string => /^([^/]+)\//.exec(file.slice(house.length + 1))?.[1] ?? '';
  const [from, to] = [roleOf(path), roleOf(resolved)];
  const roles = ROLES[house] as readonly string[];
  return from !== to && roles.includes(from) && roles.includes(to) ? [`role ${from} must not import role ${to}`] : [];
}

function brokenFloors(path: string, resolved: string): string[] {
  // A floor may have floors of its own.
  return Object.keys(FLOORS)
    .filter((name) => [path, resolved].every((file) => file.startsWith(`${name}/`)))
    .flatMap((house) => brokenFloorsOf(house, path, resolved));
}

function brokenFloorsOf(house: string, path: string, resolved: string): string[] {
  const floors = FLOORS[house] as readonly string[];
  const floorOf = (file: string): string => /^([^/]+)\//.exec(file.slice(house.length + 1))?.[1] ?? '.';
  const [from, to] = [floorOf(path), floorOf(resolved)];
  const unknown = [from, to].find((name) => !floors.includes(name));
  if (unknown !== undefined) return [`${unknown} is no floor of ${house}`];
  return floors.indexOf(to) > floors.indexOf(from)
    ? [`${from} stands below ${to} in ${house} and must not import it`]
    : [];
}

function listSources(root: string): SourceFile[] {
  const names = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.tsx'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return names
    .split('\n')
    .filter((path) => path !== '' && !path.includes('/generated/'))
    .flatMap((path) => {
      try {
        return [{ path, text: readFileSync(join(root, path), 'utf8') }];
      } catch {
        // Deleted in the working tree, but still in the index.
        return [];
      }
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
  const violations = checkImports(listSources(root));
  for (const { path, line, rule } of violations) console.error(`${path}:${line}: ${rule}`);
  console.log(
    violations.length === 0
      ? 'imports: every file keeps to the directions of the house'
      : `imports: ${violations.length} violations`,
  );
  process.exitCode = violations.length === 0 ? 0 : 1;
}

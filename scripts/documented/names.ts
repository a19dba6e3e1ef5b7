/** A program of the document, and the command of it where the name belongs to one. */
type Program = string;

export type DocumentedName = {
  readonly kind: 'command' | 'flag' | 'variable' | 'endpoint';
  readonly program: Program;
  /** As a user types it. */
  readonly name: string;
  /** An example for the test; a name without one is a switch. */
  readonly value?: string;
  /** File of a test that uses the name, beside the test of this table. */
  readonly test?: string;
} & (
  | { readonly state: 'works'; readonly note?: string }
  | { readonly state: 'alias'; readonly of: string; readonly note?: string }
  /** @param use words of the refusal, which name the replacement. */
  | { readonly state: 'refused'; readonly use: string }
  | { readonly state: 'missing'; readonly why: string }
);

type Given = { readonly value?: string; readonly note?: string; readonly test?: string };
type Kind = DocumentedName['kind'];

const PROVIDER = 'ogong-provider';
/** Commands that a documented variable of the engine is for. */
const LOCAL = `${PROVIDER} local`;
const SERVE = `${PROVIDER} serve`;
const CONFIGURE = `${PROVIDER} configure`;
const VALIDATOR = 'ogong-validatord';
const VERIFIER = 'ogong-verifierd';
const ROUTER = 'ogong-routerd';
const GATEWAY = 'ogong-gatewayd';
const ARGS = 'args of --served-models';

const works = (kind: Kind, program: Program, name: string, given: Given = {}): DocumentedName => ({
  ...{ kind, program, name, state: 'works' },
  ...given,
});
const alias = (kind: Kind, program: Program, name: string, of: string, given: Given = {}): DocumentedName => ({
  ...{ kind, program, name, state: 'alias', of },
  ...given,
});
const refused = (kind: Kind, program: Program, name: string, use: string, value?: string): DocumentedName => ({
  ...{ kind, program, name, state: 'refused', use },
  ...(value !== undefined && { value }),
});
const missing = (kind: Kind, program: Program, name: string, why: string): DocumentedName => ({
  ...{ kind, program, name, state: 'missing', why },
});

const ADDRESS = '127.0.0.1:4711';
const URL_VALUE = 'http://127.0.0.1:8080/v1';
const GGUF = '/models/model.gguf';
const HASH = 'ab'.repeat(32);
const PROCESS_TEST = 'packages/provider/src/bin/ogong-provider.process.test.ts';

const COMMANDS: readonly DocumentedName[] = [
  works('command', VALIDATOR, VALIDATOR),
  works('command', VERIFIER, VERIFIER),
  works('command', ROUTER, ROUTER),
  works('command', GATEWAY, GATEWAY),
  works('command', PROVIDER, LOCAL, { test: PROCESS_TEST }),
  works('command', PROVIDER, `${PROVIDER} run`, { test: 'packages/provider/src/commands/model-commands.test.ts' }),
  works('command', PROVIDER, `${PROVIDER} start`, {
    test: 'packages/provider/src/provider/serve-daemon.test.ts',
    note: 'connects through a relay, and needs no account',
  }),
  works('command', PROVIDER, SERVE, {
    test: 'packages/provider/src/provider/serve-daemon.test.ts',
    note: 'serves links of the network, and the gateway serves HTTP',
  }),
  works('command', PROVIDER, CONFIGURE, { test: 'packages/provider/src/provider/configure-command.test.ts' }),
  works('command', PROVIDER, `${PROVIDER} show`, { test: 'packages/provider/src/commands/model-commands.test.ts' }),
  works('command', PROVIDER, `${PROVIDER} wallet`, { test: PROCESS_TEST, note: 'the address is one of an EVM chain' }),
  works('command', PROVIDER, `${PROVIDER} pull`, { test: 'packages/provider/src/commands/model-commands.test.ts' }),
  works('command', PROVIDER, `${PROVIDER} quote`, { note: '--tee names the source of the evidence' }),
  works('command', PROVIDER, `${PROVIDER} marketplace-register`, {
    note: 'validators check the evidence, and the registry of machines on the chain takes the entry',
  }),
  ...['1', '2', '3'].map((stage) =>
    missing(
      'command',
      'scripts',
      `run-mesh-stage${stage}.sh`,
      'use `ogong mesh up`, which starts the whole network, and `ogong mesh status`',
    ),
  ),
  missing(
    'command',
    'engine',
    'llama-server',
    'the provider runs llama.cpp itself; --upstream names a server of yours',
  ),
  missing('command', 'engine', 'llamamp-image-server', 'the provider makes pictures itself; use --embedded-image'),
  missing('command', 'engine', 'llamamp-audio-server', 'sound and video are not served yet'),
  missing('command', 'engine', 'audio-server', 'sound and video are not served yet'),
  missing('command', 'engine', 'ace-server', 'sound and video are not served yet'),
  missing('command', 'engine', 'whisper-server', 'sound and video are not served yet'),
  missing(
    'command',
    'engine',
    'rpc-server',
    'use `ogong-provider segment` on the other machines (docs/own-machines.md)',
  ),
];

const SOUND_FLAGS = [
  '--embedded-music',
  '--embedded-whisper',
  '--embedded-tts',
  '--audio-upstream',
  '--video-upstream',
];
const NO_SOUND = 'sound and video are not served yet';
const NO_ENGINE_FLAGS = 'the engine takes no flags of llama-server: use nCtx, batchSize and other fields';

const PROVIDER_FLAGS: readonly DocumentedName[] = [
  works('flag', LOCAL, '--model', { value: GGUF }),
  works('flag', LOCAL, '--mmproj', { value: '/models/mmproj.gguf' }),
  works('flag', LOCAL, '--n-ctx', { value: '16384', note: 'prompt and reply together, for each reply' }),
  works('flag', LOCAL, '--listen', { value: ADDRESS }),
  works('flag', LOCAL, '--upstream', { value: URL_VALUE }),
  works('flag', LOCAL, '--served-models', { value: '[]', note: 'the field args is refused unless it is empty' }),
  works('flag', `${PROVIDER} run`, '--system', { value: 'Be concise.' }),
  alias('flag', `${PROVIDER} pull`, '--list', 'ogong-provider catalogue list', {
    test: 'packages/provider/src/commands/model-commands.test.ts',
  }),
  works('flag', SERVE, '--listen', { value: ADDRESS }),
  works('flag', SERVE, '--upstream', { value: URL_VALUE }),
  ...[SERVE, CONFIGURE].flatMap((command) => [
    refused('flag', command, '--cert', '--cert-out', 'fullchain.pem'),
    refused('flag', command, '--key', '--cert-out', 'privkey.pem'),
  ]),
  ...[`${PROVIDER} start`, CONFIGURE].map((command) => refused('flag', command, '--api-key', '--data-dir', 'secret')),
  works('flag', CONFIGURE, '--embedded-text', { value: GGUF }),
  works('flag', CONFIGURE, '--mmproj', { value: '/models/mmproj.gguf' }),
  works('flag', CONFIGURE, '--embedded-image', { value: '/models/pictures' }),
  works('flag', CONFIGURE, '--served-models', { value: 'models.json', note: 'takes a file' }),
  works('flag', CONFIGURE, '--upstream', { value: URL_VALUE }),
  works('flag', CONFIGURE, '--image-upstream', { value: URL_VALUE }),
  works('flag', CONFIGURE, '--join-network', { note: 'is the default of serve and start' }),
  works('flag', CONFIGURE, '--validator-endpoint', { value: ADDRESS }),
  works('flag', CONFIGURE, '--listen', { value: ADDRESS }),
  refused('flag', CONFIGURE, '--machine', 'ogong-provider id', 'mac-studio'),
  ...[CONFIGURE, SERVE, `${PROVIDER} start`, LOCAL].flatMap((command) =>
    SOUND_FLAGS.map((flag) => refused('flag', command, flag, NO_SOUND, 'http://127.0.0.1:9')),
  ),
  ...['--split-mode', '--tensor-split', '--flash-attn', '-cmoe'].map((flag) =>
    refused('flag', ARGS, flag, NO_ENGINE_FLAGS),
  ),
  alias('flag', LOCAL, '--flash-attn', '--flash-attention', { value: 'on' }),
  works('flag', LOCAL, '--tensor-split', { value: '1,1' }),
  alias('flag', LOCAL, '-cmoe', '--experts-on-cpu'),
  ...['-m', '--vocab', '--port'].map((flag) => missing('flag', 'llamamp-audio-server', flag, NO_SOUND)),
  ...['--host', '--port'].map((flag) =>
    missing('flag', 'rpc-server', flag, 'use --listen of `ogong-provider segment`'),
  ),
];

const DAEMON_FLAGS: readonly DocumentedName[] = [
  works('flag', VALIDATOR, '--bind', { value: ADDRESS }),
  works('flag', VALIDATOR, '--alpha', { value: '1', note: 'a higher coverage that the chain sets prevails' }),
  works('flag', VALIDATOR, '--verifier-endpoint', { value: ADDRESS }),
  works('flag', VALIDATOR, '--verifier-cert', { value: HASH }),
  works('flag', VALIDATOR, '--peer', { value: `${ADDRESS}|${HASH}` }),
  refused('flag', VALIDATOR, '--s', '--drift-table', '1.0'),
  refused('flag', VALIDATOR, '--eps', '--drift-table', '0.0'),
  refused('flag', VALIDATOR, '--beta', '--false-reject', '0.001'),
  refused('flag', VALIDATOR, '--consensus', '--quorum'),
  works('flag', VERIFIER, '--bind', { value: ADDRESS, note: 'the default port is 4545, since the router has 4544' }),
  works('flag', VERIFIER, '--cert-out', { value: 'verifier.der' }),
  refused('flag', VERIFIER, '--provider-url', '--model', URL_VALUE),
  refused('flag', VERIFIER, '--ref-url', '--model', URL_VALUE),
  refused('flag', VERIFIER, '--audio-engine-url', NO_SOUND, URL_VALUE),
  refused('flag', VERIFIER, '--k', '--alpha', '2'),
  works('flag', ROUTER, '--bind', { value: ADDRESS }),
  works('flag', ROUTER, '--cert-out', { value: 'router.der' }),
  works('flag', ROUTER, '--relay', { value: ADDRESS, note: 'takes the address of the relay, and is no switch' }),
  works('flag', GATEWAY, '--bind', { value: ADDRESS }),
  works('flag', GATEWAY, '--router', { value: '127.0.0.1:4544' }),
  works('flag', GATEWAY, '--router-cert', { value: 'router.der' }),
  works('flag', GATEWAY, '--max-price', { value: '1000000' }),
];

const VARIABLES: readonly DocumentedName[] = [
  alias('variable', LOCAL, 'LLAMAMP_NGL', '--gpu-layers', { value: '40', note: 'for --kernels plain or fast' }),
  alias('variable', LOCAL, 'LLAMAMP_CACHE_TYPE_K', '--kv-type', { value: 'q8_0' }),
  alias('variable', LOCAL, 'LLAMAMP_CACHE_TYPE_V', '--value-type', {
    value: 'q4_0',
    note: 'a type apart from that of keys is for --kernels plain or fast',
  }),
  alias('variable', LOCAL, 'LLAMAMP_PARALLEL', '--sequences', { value: '16' }),
  alias('variable', LOCAL, 'LLAMAMP_FLASH_ATTN', '--flash-attention', { value: 'on' }),
  alias('variable', LOCAL, 'LLAMAMP_BATCH_SIZE', '--batch-size', { value: '512', note: 'from 128 to 4096' }),
  alias('variable', LOCAL, 'LLAMAMP_NCMOE', '--cpu-experts', { value: '12', note: 'for --kernels plain or fast' }),
  alias('variable', LOCAL, 'LLAMAMP_DRAFT_MODEL', '--draft-model', { value: GGUF }),
  refused('variable', LOCAL, 'LLAMAMP_CACHE_REUSE', '--prefix-cache', '256'),
  refused('variable', LOCAL, 'LLAMAMP_MOE_CACHE_SLOTS', '--experts-on-cpu', '24'),
  refused('variable', LOCAL, 'LLAMAMP_SPEC_TYPE', '--draft-model', 'draft-mtp'),
  refused('variable', LOCAL, 'LLAMAMP_RPC_SERVERS', 'ogong-provider segment', '10.0.0.2:50052'),
  refused('variable', LOCAL, 'LLAMAMP_COMMIT', 'ogong-provider serve', '1'),
  refused('variable', `${PROVIDER} start`, 'OGONG_PROVIDER_API_KEY', '--data-dir', 'secret'),
  works('variable', VALIDATOR, 'OGONG_VALIDATOR_KEYPAIR', { value: 'ledger.key', note: 'a key in hexadecimal digits' }),
  works('variable', VALIDATOR, 'OGONG_VALIDATOR_CERT_OUT', { value: 'validator.der' }),
  works('variable', VALIDATOR, 'OGONG_RPC_URL', { value: 'http://127.0.0.1:8545', note: 'JSON-RPC of an EVM chain' }),
  works('variable', VALIDATOR, 'OGONG_QUORUM', { value: '2', note: 'beyond the quorum by stake' }),
  refused('variable', VALIDATOR, 'OGONG_PROGRAM_ID', 'OGONG_DEPLOYMENT', 'id'),
  refused('variable', VALIDATOR, 'OGONG_MINT', 'OGONG_DEPLOYMENT', 'id'),
  refused('variable', VALIDATOR, 'OGONG_AUTHORITY_KEYPAIR', 'OGONG_VALIDATOR_KEYPAIR', 'id.json'),
  refused('variable', VALIDATOR, 'OGONG_FEE_OWNERS', 'ogong payee', 'id'),
  works('variable', ROUTER, 'OGONG_ROUTER_CERT_OUT', { value: 'router.der' }),
  works('variable', ROUTER, 'OGONG_ROUTER_RELAY', { value: ADDRESS, note: 'takes the address of the relay' }),
  works('variable', GATEWAY, 'OGONG_ROUTER', { value: '127.0.0.1:4544' }),
  works('variable', GATEWAY, 'OGONG_ROUTER_CERT', { value: 'router.der' }),
  works('variable', GATEWAY, 'OGONG_GATEWAY_MAX_PRICE', { value: '1000000' }),
];

const NO_SOUND_ENDPOINT = 'the models write text, make vectors of text, and make pictures';

const ENDPOINTS: readonly DocumentedName[] = [
  works('endpoint', 'gateway', 'POST /v1/chat/completions'),
  works('endpoint', 'gateway', 'POST /v1/embeddings'),
  works('endpoint', 'gateway', 'POST /v1/images/generations'),
  works('endpoint', 'gateway', 'POST /v1/images/edits'),
  works('endpoint', 'gateway', 'POST /v1/images/variations'),
  refused('endpoint', 'gateway', 'POST /v1/audio/music', NO_SOUND_ENDPOINT),
  refused('endpoint', 'gateway', 'POST /v1/audio/speech', NO_SOUND_ENDPOINT),
  refused('endpoint', 'gateway', 'POST /v1/audio/transcriptions', NO_SOUND_ENDPOINT),
  refused('endpoint', 'gateway', 'POST /v1/videos', NO_SOUND_ENDPOINT),
  refused('endpoint', 'gateway', 'GET /v1/videos/{id}', NO_SOUND_ENDPOINT),
  works('endpoint', 'gateway', 'GET /v1/trajectory/{id}', { note: 'the gateway has it, and no engine' }),
  works('endpoint', 'gateway', 'GET /v1/replay/{id}', { note: 'the gateway has it, and no engine' }),
  works('endpoint', 'local mode', 'POST /v1/chat/completions'),
  works('endpoint', 'local mode', 'POST /api/chat'),
];

/** Every command, flag, variable and endpoint of the network's public document, with its effect here. */
export const DOCUMENTED_NAMES: readonly DocumentedName[] = [
  ...COMMANDS,
  ...PROVIDER_FLAGS,
  ...DAEMON_FLAGS,
  ...VARIABLES,
  ...ENDPOINTS,
];

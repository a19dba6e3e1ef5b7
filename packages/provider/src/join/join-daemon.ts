import { join } from 'node:path';
import { type Deployment, parseDeployment } from '@ogong/chain/deployment';
import { ChainError } from '@ogong/chain/errors';
import { readAvailableMemory } from '@ogong/engine/llama-cpp/device/memory';
import { ConfigError } from '@ogong/host/config/config-error';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { makePrivateDirectory, writePublicFile } from '@ogong/host/files/private-files';
import type { AskUser } from '@ogong/host/lifecycle/ask-user';
import type { Output } from '@ogong/host/lifecycle/command';
import { printJson } from '@ogong/host/lifecycle/print-json';
import type { Daemon } from '@ogong/host/lifecycle/run-daemon';
import { formatHostPort } from '@ogong/host/link/host-port';
import type { FetchedNetwork } from '@ogong/host/network/fetch-network';
import { readGateway, takeNetwork } from '@ogong/host/network/take-network';
import { systemClock } from '@ogong/host/time/clock';
import { formatTokens } from '@ogong/protocol/base/amount';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { NetworkModel } from '@ogong/protocol/network/network-document';
import { formatTable } from '../commands/format.ts';
import type { LoadingPlace } from '../engine/engine-config.ts';
import { readServed } from '../provider/paid/served-store.ts';
import { startConfig } from '../provider/provider-config.ts';
import { type Serving, startServing } from '../provider/serve-daemon.ts';
import { startBesideVerifier } from './beside-verifier.ts';
import { chooseModel, sizeModel } from './choose-model.ts';
import { type JoinSettings, joinConfig } from './join-config.ts';
import { readJoinNotes, writeJoinNotes } from './join-notes.ts';
import { createJoinView } from './join-view.ts';
import { type RankedModel, rankModels } from './rank-models.ts';

const COMMAND = joinConfig.definition.name;

export interface JoinPlace {
  readonly output: Output;
  readonly ask: AskUser | undefined;
  readonly signal: AbortSignal;
  /** For the settings of the engine. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly lines: Pick<LoadingPlace, 'onDownload' | 'onReading' | 'onLoading' | 'onBackend'>;
}

const refuse = (problem: string): never => {
  throw new ConfigError(COMMAND, [problem]);
};

/**
 * Joins a network: reads its document, chooses a model, and serves it beside a verifier.
 * @returns undefined after a dry run. @throws ConfigError, NetworkError, ModelError, EngineError
 */
export async function startJoining(
  settings: JoinSettings,
  positionals: readonly string[],
  place: JoinPlace,
): Promise<Daemon | undefined> {
  const { output } = place;
  const say = (line: string): void => output.writeError(`${line}\n`);
  const notes = readJoinNotes(COMMAND, settings.dataDir);
  const [named, flags] = splitPositionals(positionals);
  const gateway = named ?? notes?.gateway ?? refuse('name a gateway of the network, such as https://gateway.example');
  const network = await takeNetwork(
    gateway,
    {
      fingerprint: settings.fingerprint,
      known: notes?.gateway === gateway ? notes.fingerprint : undefined,
      isTaken: settings.yes === true || settings.dryRun === true,
    },
    { crypto, nowMs: () => systemClock.nowMs(), signal: place.signal, say, ask: place.ask },
  );
  const { document } = network;
  const deployment = readNetworkDeployment(gateway, document.deployment);
  const unit = deployment.burnAndMint === undefined ? 'OGONG' : 'credits';
  const isHere = isLoopbackHost(new URL(gateway).hostname);
  const ranked = rankModels(
    document.models.map((model) => sizeModel(model, isHere)),
    { memoryBytes: readAvailableMemory() },
  );
  if (settings.dryRun) {
    showNetwork(ranked, { network, gateway, unit, json: settings.json === true, output });
    return undefined;
  }
  const chosen = chooseModel(ranked, settings, notes?.gateway === gateway ? notes : undefined);
  const price = settings.price ?? chosen.pricePer1kAtomic;
  say(formatModels(ranked, unit).trimEnd());
  const reason = settings.price === undefined ? ', as most others do' : '';
  say(`serving ${chosen.id} for ${formatTokens(price)} ${unit} per 1,000 tokens${reason}`);
  const { entranceAtomic } = document.parameters;
  if (entranceAtomic > 0n)
    say(
      `the first ${formatTokens(entranceAtomic)} ${unit} that an account earns pay for audits, and stay with the network`,
    );
  writeJoinNotes(settings.dataDir, {
    gateway,
    fingerprint: network.fingerprint,
    modelId: chosen.id,
    model: chosen.source,
  });

  // Nobody outside reaches a network of this machine, and no relay is needed.
  const listen = isHere ? { ...settings.listen, host: '127.0.0.1' } : settings.listen;
  const args = writeArguments(network, { deployment, settings: { ...settings, listen }, chosen });
  const parsed = startConfig.parse([...args, ...flags], place.env);
  if (parsed.kind === 'print') return refuse('--help follows join, not --');
  let view: ReturnType<typeof createJoinView> | undefined;
  const daemon = await startServing(
    { ...parsed.values, price: [price] },
    {
      say,
      signal: place.signal,
      lines: place.lines,
      startVerifier: (beside) =>
        startBesideVerifier({ ...listen, port: listen.port === 0 ? 0 : listen.port + 1 }, beside),
      engine(engine) {
        assertWeights(chosen, engine.info().modelRoot);
        return engine;
      },
      onServing(serving) {
        view = openView(serving, { parameters: document.parameters, unit, say });
        view.start();
      },
    },
  );
  return {
    ...daemon,
    async stop() {
      await view?.stop();
      await daemon.stop();
    },
  };
}

/** The gateway, and the flags behind `--`. @throws NetworkError */
function splitPositionals(positionals: readonly string[]): readonly [string | undefined, readonly string[]] {
  const [first, ...rest] = positionals;
  return first === undefined || first.startsWith('-') ? [undefined, positionals] : [readGateway(first), rest];
}

/** @throws ConfigError for a deployment that this program cannot read. */
function readNetworkDeployment(gateway: string, text: string): Deployment {
  try {
    return parseDeployment(text);
  } catch (error) {
    if (error instanceof ChainError) return refuse(`${gateway}: ${error.message}`);
    throw error;
  }
}

/** @throws ConfigError for other weights than those that the network has under this id. */
function assertWeights({ id, source, modelRoot }: NetworkModel, given: Uint8Array): void {
  if (equalBytes(modelRoot, given)) return;
  refuse(`${source} has root ${toHex(given)}; the network serves ${id} with root ${toHex(modelRoot)}`);
}

const formatModels = (ranked: readonly RankedModel[], unit: string): string =>
  formatTable(
    ['MODEL', 'PRICE', 'AN HOUR NOW', 'AN HOUR AT MOST', 'PROVIDERS', 'HERE'],
    ranked.map(({ model, perHourAtomic, mostPerHourAtomic, problem }) => [
      model.id,
      `${formatTokens(model.pricePer1kAtomic)} ${unit}`,
      formatTokens(perHourAtomic),
      formatTokens(mostPerHourAtomic),
      `${model.providers}`,
      problem ?? 'can be served',
    ]),
  );

function showNetwork(
  ranked: readonly RankedModel[],
  {
    network: { document, fingerprint },
    gateway,
    unit,
    json,
    output,
  }: {
    readonly network: FetchedNetwork;
    readonly gateway: string;
    readonly unit: string;
    readonly json: boolean;
    readonly output: Output;
  },
): void {
  if (!json) {
    output.write(formatModels(ranked, unit));
    return;
  }
  const models = ranked.map(({ model, perHourAtomic, mostPerHourAtomic, problem }) => ({
    ...{ id: model.id, modelRoot: toHex(model.modelRoot), source: model.source },
    ...{ pricePer1kAtomic: `${model.pricePer1kAtomic}`, providers: model.providers, verifiers: model.verifiers },
    ...{ perHourAtomic: `${perHourAtomic}`, mostPerHourAtomic: `${mostPerHourAtomic}`, problem: problem ?? null },
  }));
  printJson(output, { gateway, fingerprint, expiresAtMs: document.expiresAtMs, models });
}

/** The arguments of `ogong-provider start` for this network, and the file of its contracts. */
function writeArguments(
  { document }: FetchedNetwork,
  {
    deployment,
    settings,
    chosen,
  }: { readonly deployment: Deployment; readonly settings: JoinSettings; readonly chosen: NetworkModel },
): readonly string[] {
  const { dataDir, listen, publicEndpoint, rpcUrl = deployment.rpcUrl, logLevel } = settings;
  if (rpcUrl === undefined) return refuse('the network names no address of its chain; name one by --rpc-url');
  makePrivateDirectory(dataDir);
  const path = join(dataDir, 'deployment.json');
  writePublicFile(path, `${JSON.stringify(deployment, null, 2)}\n`);
  const reach = publicEndpoint ? ['--public-endpoint', formatHostPort(publicEndpoint)] : [];
  return [
    ...['--data-dir', dataDir, '--deployment', path, '--rpc-url', rpcUrl, '--log-level', logLevel],
    // A value beside its flag is never read as a flag.
    ...[`--model=${chosen.source}`, `--model-id=${chosen.id}`],
    ...['--listen', formatHostPort(listen), ...reach],
    ...document.routers.flatMap(({ endpoint, certHash }) => `--router=${endpoint}|${toHex(certHash)}`),
  ];
}

function openView(
  { providerId, payee, store, client }: Serving,
  {
    parameters,
    unit,
    say,
  }: Pick<Parameters<typeof createJoinView>[0], 'parameters' | 'unit'> & { say(line: string): void },
) {
  return createJoinView(
    { parameters, unit },
    {
      say,
      readServed: () => readServed(store, 0, 0).sums,
      readEarnings: async () => (await client()).earningsOf(providerId, payee),
      nowMs: () => systemClock.nowMs(),
    },
  );
}

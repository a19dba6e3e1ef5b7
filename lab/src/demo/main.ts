// npm run demo: starts a whole network on this machine, sends requests, and checks answers, audits and payments. Flags: options.ts.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { MeshError } from '@ogong/devnet/mesh/mesh-error';
import {
  assignPorts,
  countPorts,
  type MeshModel,
  type MeshOptions,
  type ProviderVariant,
  QUICK_TIMINGS,
} from '@ogong/devnet/mesh/mesh-plan';
import { describeFailure, EXIT, getExitCode } from '@ogong/host/log/errors';
import { toHex } from '@ogong/protocol/base/bytes';
import { VERSION as OPENAI_VERSION } from 'openai/version';
import { findAttack, formatAttackList, formatPlayed, listAttacks } from './attacks/catalogue.ts';
import { playAttack, writeAttackJson } from './attacks/play-attack.ts';
import { type DemoClaim, evaluateClaims } from './claims/claims.ts';
import { evaluateHubClaims } from './hub/hub-claims.ts';
import { showHub } from './hub/show-hub.ts';
import { openLinks } from './mesh-router.ts';
import { type DemoModels, prepareModels } from './model.ts';
import { createUsageError, type DemoOptions, type DemoScene, parseDemoOptions } from './options.ts';
import { evaluatePictureClaims } from './pictures/picture-claims.ts';
import { preparePictures } from './pictures/pictures-network.ts';
import { showPictures } from './pictures/show-pictures.ts';
import { countProviders, evidenceDirectory, waitUntil } from './polling.ts';
import {
  createScreen,
  describeReply,
  formatBalances,
  formatClaims,
  formatHeld,
  formatProviders,
  type Screen,
} from './print.ts';
import { openMeshTap } from './reach.ts';
import type { RelayTap } from './relay-tap.ts';
import { type DemoRun, runDemo } from './run-demo.ts';
import { evaluateShardsClaims } from './shards/shards-claims.ts';
import { canLimit } from './shards/shards-network.ts';
import { showShards } from './shards/show-shards.ts';
import { summarize } from './summary.ts';
import { showTee } from './tee/tee-demo.ts';
import { planTeeNetwork, type TeeNetworkPlan } from './tee/tee-network.ts';
import { describeTry } from './try-it.ts';

const supplyPatienceMs = 240_000;
const attackerEntry = fileURLToPath(new URL('../attackers/provider.ts', import.meta.url));

async function main(argv: readonly string[]): Promise<number> {
  const options = parseDemoOptions(argv, process.env);
  if ('help' in options) {
    process.stdout.write(options.help);
    return EXIT.ok;
  }
  if (options.attack === 'list') {
    const attacks = listAttacks();
    process.stdout.write(`${formatAttackList(attacks)}\n`);
    if (options.jsonFile) writeAttackJson(options.jsonFile, attacks);
    return EXIT.ok;
  }
  const scene = options.attack === undefined ? undefined : findAttack(options.attack);
  if (options.attack !== undefined && scene === undefined) {
    throw createUsageError(`--attack ${options.attack}: no such attack; --attack list names them`);
  }
  const startedMs = performance.now();
  const screen = createScreen(process.stdout, startedMs);
  const directory = options.directory ? resolve(options.directory) : mkdtempSync(join(tmpdir(), 'ogong-demo-'));
  mkdirSync(directory, { recursive: true });
  screen.title(`OGONG: ${scene ? `the attack ${scene.name}` : 'inference without trust in any party'}`);
  screen.progress(`data and logs are in ${directory}`);
  const interrupted = watchInterrupts();
  let mesh: Mesh | undefined;
  try {
    const needsCheap = options.cheat === 'prefill' || options.cheat === 'substitute';
    // Before the network is up, Ctrl-C exits at once.
    let isUp = false;
    void interrupted.then(() => (isUp ? undefined : process.exit(130)));
    if (scene !== undefined) {
      const played = await playAttack(scene, async () => {
        const models = await prepareModels(options.model, { needsCheap, onProgress: screen.progress });
        ({ mesh } = await bringUp({ options, models, directory, screen }));
        return { mesh, model: { id: models.id, modelRoot: models.sold.modelRoot } };
      });
      screen.lines(`\n${formatPlayed(played)}`);
      if (options.jsonFile) writeAttackJson(options.jsonFile, played);
      return played.worked ? 1 : EXIT.ok;
    }
    if (options.shards === 'only') {
      if (!canLimit()) throw createUsageError('--shards only: this system sets no limit to the data of a process');
      return (await showAlone('shards', { options, directory, screen, startedMs })) ? EXIT.ok : 1;
    }
    if (options.hub === 'only')
      return (await showAlone('hub', { options, directory, screen, startedMs })) ? EXIT.ok : 1;
    const hasPictures = options.pictures !== 'off' && (await preparePictures(screen.progress));
    if (options.pictures === 'only') {
      if (!hasPictures) throw createUsageError('--pictures only: this machine cannot compute pictures');
      return (await showAlone('pictures', { options, directory, screen, startedMs })) ? EXIT.ok : 1;
    }
    const models = await prepareModels(options.model, { needsCheap, onProgress: screen.progress });
    const tee = options.tee && planTeeNetwork(directory, describeModel(models));
    const network = await bringUp({ options, models, directory, screen, tee });
    mesh = network.mesh;
    isUp = true;
    const { claims, ok } = await Promise.race([
      tee
        ? showTee({ mesh, plan: tee, options, models, screen })
        : show({ ...network, options, models, screen, startedMs, hasPictures }),
      interrupted.then(() => ({ claims: [] as DemoClaim[], ok: false })),
    ]);
    if (claims.length === 0) return 130;
    if (!options.isOnce) {
      // Pages are built at the first visit; build them now, so that the visitor does not wait.
      void fetch(`${mesh.plan.gatewayUrl}/explorer/explorer.js`).catch(() => undefined);
      screen.lines(describeTry(mesh.plan.gatewayUrl, models.id));
      await interrupted;
    }
    return ok ? EXIT.ok : 1;
  } finally {
    await mesh?.stop();
  }
}

/** Resolves at the first Ctrl-C. A later one exits at once. A launcher may pass the same Ctrl-C on twice within a second. */
function watchInterrupts(): Promise<void> {
  return new Promise((resolveOnce) => {
    let firstMs: number | undefined;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (firstMs !== undefined && performance.now() - firstMs > 1_000) process.exit(130);
        firstMs ??= performance.now();
        resolveOnce();
      });
    }
  });
}

interface BringUp {
  readonly options: DemoOptions;
  readonly models: DemoModels;
  readonly directory: string;
  readonly screen: Screen;
  readonly tee?: TeeNetworkPlan | undefined;
}

interface Network {
  /** Its `stop` stops the tap as well. */
  readonly mesh: Mesh;
  /** Undefined if the mesh has no relay: runs of attacks and of tier `tee` have none. */
  readonly tap: RelayTap | undefined;
}

async function bringUp({ options, models, directory, screen, tee }: BringUp): Promise<Network> {
  const isPlay = options.attack !== undefined;
  const [tapPort = 0] = await findFreePorts(1);
  const plan: MeshOptions = {
    directory,
    economy: options.economy,
    hasEmission: !isPlay && tee === undefined,
    // The network of an attack makes no key meanwhile.
    beacon: isPlay ? 'vrf' : options.beacon,
    ...(!isPlay &&
      tee === undefined && { canaryRate: 0, relay: { providers: 1, publicPort: tapPort }, seal: 'required' as const }),
    model: describeModel(models),
    // If one of them is an adversary, the verifiers of the others still audit its replies.
    providers: tee ? 2 : !isPlay && options.cheat === 'none' ? 4 : 3,
    // The validator waits for a withheld opening for the whole audit window, so this window is short.
    timings: isNeverOpened(options) ? { ...QUICK_TIMINGS, auditWindowMs: 12_000 } : QUICK_TIMINGS,
    ...tee?.options,
    ...(options.cheat === 'none' ? {} : { variants: [describeCheat(options, models, directory)] }),
  };
  const ports = assignPorts(await findFreePorts(countPorts(plan)), plan);
  const tap = ports.relay === undefined ? undefined : await openMeshTap(directory, { tapPort, ports, plan });
  const started = await startMesh(
    { ...plan, ports },
    { onProgress: screen.progress, onCrash: (detail) => screen.progress(`! ${detail}`) },
  ).catch(async (error: unknown) => {
    await tap?.stop();
    throw error;
  });
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    screen.progress('stopping the network');
    await started.stop();
    await tap?.stop();
  };
  const mesh: Mesh = {
    ...started,
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
  try {
    // No policy names one of the machines. It is not in the registry, so the router does not offer it.
    const wanted = mesh.plan.processes.filter(({ role }) => role === 'provider').length - (tee ? 1 : 0);
    screen.progress(`waiting until ${wanted} providers are on offer`);
    const ids = [models.id, ...(tee ? [tee.modelId] : [])];
    const count = async (): Promise<number> => {
      const counts = await Promise.all(ids.map((id) => countProviders(mesh.plan.gatewayUrl, id)));
      return counts.reduce((sum, each) => sum + each, 0);
    };
    if (!(await waitUntil(async () => (await count()) >= wanted, supplyPatienceMs))) {
      const found = await count();
      throw new MeshError(
        'did-not-start',
        `${found} of ${wanted} providers are on offer after ${supplyPatienceMs / 1000} s; see ${join(directory, 'logs')}`,
      );
    }
    return { mesh, tap };
  } catch (error) {
    await mesh.stop();
    throw error;
  }
}

const describeModel = ({ id, sold }: DemoModels): MeshModel => ({ path: sold.path, id, root: sold.modelRoot });

const isNeverOpened = ({ cheat }: DemoOptions): boolean => cheat === 'withhold' || cheat === 'tamper';

function describeCheat({ cheat }: DemoOptions, { cheap }: DemoModels, directory: string): ProviderVariant {
  const args = ['--cheat', cheat, '--evidence', evidenceDirectory(directory)];
  const program = { entry: attackerEntry, args: cheap ? [...args, '--cheap-model', cheap.path] : args };
  return { name: 'cheat', program };
}

interface Show extends Network {
  readonly options: DemoOptions;
  readonly models: DemoModels;
  readonly screen: Screen;
  readonly startedMs: number;
  readonly hasPictures: boolean;
}

/** Runs the requests, prints the replies, and evaluates the claims. */
async function show(shown: Show): Promise<{ claims: DemoClaim[]; ok: boolean }> {
  const { mesh, options, models, screen, startedMs, hasPictures } = shown;
  const startMs = performance.now() - startedMs;
  const links = await openLinks();
  screen.title(`Requests to ${mesh.plan.gatewayUrl}, ${options.concurrency} at a time`);
  let demo: DemoRun;
  try {
    demo = await runDemo({
      ...{ ...shown, links },
      onProgress: screen.progress,
      onReply: async (reply, run) => screen.lines(await describeReply(reply, run)),
    });
  } finally {
    links.close();
  }
  const { run, requestsMs, settleMs } = demo;
  screen.title('Providers: replies, verdicts, payments');
  screen.lines(formatProviders(run));
  screen.title('Payments');
  screen.lines(formatBalances(run));
  screen.lines(formatHeld(run));
  // The networks do not compete for the cores, unless the first one has to stay up.
  if (options.isOnce) await mesh.stop();
  const { directory } = mesh.plan;
  const pictures = await playScene(hasPictures, 'pictures', { directory, screen });
  const shards = await playScene(options.shards !== 'off' && canLimit(), 'shards', { directory, screen });
  const hub = await playScene(options.hub !== 'off', 'hub', { directory, screen });
  const claims = [...(await evaluateClaims(run)), ...pictures.claims, ...shards.claims, ...hub.claims];
  screen.title('Claims');
  screen.lines(formatClaims(claims, screen));
  const sceneMs = { picturesMs: pictures.ms, shardsMs: shards.ms, hubMs: hub.ms };
  const timings = { startMs, requestsMs, settleMs, ...sceneMs, totalMs: performance.now() - startedMs };
  if (options.jsonFile) {
    const versions = {
      ogong: readVersion(),
      openai: OPENAI_VERSION,
      node: process.version,
      model: models.sold.name,
      modelRoot: toHex(models.sold.modelRoot),
    };
    writeFileSync(
      options.jsonFile,
      `${JSON.stringify(await summarize({ run, claims, timings, versions }), null, 2)}\n`,
    );
  }
  const ok = showEnd(claims, { screen, startedMs, logs: join(mesh.plan.directory, 'logs') });
  return { claims, ok };
}

/** Prints the last line. @returns whether all claims hold. */
function showEnd(
  claims: readonly DemoClaim[],
  { screen, startedMs, logs }: Pick<Show, 'screen' | 'startedMs'> & { readonly logs: string },
): boolean {
  const failed = claims.filter((claim) => !claim.ok).map(({ id }) => id);
  const verdict =
    failed.length === 0
      ? `all ${claims.length} claims hold`
      : `${failed.length} of ${claims.length} claims do not hold (${failed.join(', ')})`;
  screen.title(`${verdict}, after ${((performance.now() - startedMs) / 1000).toFixed(0)} s; logs: ${logs}`);
  return failed.length === 0;
}

interface SceneOptions {
  readonly directory: string;
  readonly screen: Screen;
}

/** The small networks. Each shows its replies, and evaluates its claims. */
const SCENE_CLAIMS: Readonly<Record<DemoScene, (options: SceneOptions) => Promise<DemoClaim[]>>> = {
  pictures: async ({ directory, screen }) => evaluatePictureClaims(await showPictures(directory, screen)),
  shards: async ({ directory, screen }) => evaluateShardsClaims(await showShards(directory, screen)),
  hub: async ({ directory, screen }) => evaluateHubClaims(await showHub(directory, screen)),
};

/** Runs one of the small networks beside the first one. @returns its claims, and how long it took. */
async function playScene(
  isPlayed: boolean,
  scene: DemoScene,
  options: SceneOptions,
): Promise<{ readonly claims: readonly DemoClaim[]; readonly ms: number }> {
  if (!isPlayed) return { claims: [], ms: 0 };
  const startMs = performance.now();
  const claims = await SCENE_CLAIMS[scene](options);
  return { claims, ms: performance.now() - startMs };
}

/** Runs one of the small networks and nothing else. @returns whether all of its claims hold. */
async function showAlone(
  scene: DemoScene,
  {
    options,
    directory,
    screen,
    startedMs,
  }: Pick<Show, 'options' | 'screen' | 'startedMs'> & { readonly directory: string },
): Promise<boolean> {
  const claims = await SCENE_CLAIMS[scene]({ directory, screen });
  screen.title('Claims');
  screen.lines(formatClaims(claims, screen));
  const ok = showEnd(claims, { screen, startedMs, logs: join(directory, scene, 'logs') });
  if (options.jsonFile) writeFileSync(options.jsonFile, `${JSON.stringify({ ok, claims }, null, 2)}\n`);
  return ok;
}

function readVersion(): string {
  const packageFile = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version;
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`demo: ${describeFailure(error)}\n`);
  if (process.env.OGONG_DEBUG) console.error(error);
  process.exit(getExitCode(error));
}

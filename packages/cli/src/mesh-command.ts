import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findFreePortRow } from '@ogong/devnet/chain/free-port';
import { type Mesh, startMesh } from '@ogong/devnet/mesh/mesh';
import { findRunningMesh, stopMesh } from '@ogong/devnet/mesh/mesh-control';
import { MeshError } from '@ogong/devnet/mesh/mesh-error';
import {
  CALM_TIMINGS,
  DEFAULT_BASE_PORT,
  MESH_BEACONS,
  PORTS_ABOVE_BASE,
  planPorts,
} from '@ogong/devnet/mesh/mesh-plan';
import { type MeshState, readMeshState } from '@ogong/devnet/mesh/mesh-state';
import { nameModel } from '@ogong/devnet/mesh/model-name';
import { isRunning, type ProcessIdentity } from '@ogong/devnet/mesh/process-identity';
import { modelsDirField, traceFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, hex, integer, oneOf, text } from '@ogong/host/config/values';
import { makePrivateDirectory, openPrivateFile } from '@ogong/host/files/private-files';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { MAX_REPORT_EPOCHS } from '@ogong/protocol/audit/test-report';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { bringModel } from './bring-model.ts';
import { findMeshDirectory, meshDirField, newMeshDirField, rememberMesh } from './mesh/mesh-place.ts';
import { readToldTests, type TestCount, type ToldTests } from './told-tests.ts';

const upConfig = defineConfig({
  name: 'ogong mesh up',
  examples: ['ogong mesh up', 'ogong mesh up --model hf:bartowski/Llama-3.2-1B-Instruct-GGUF:q4_k_m'],
  summary:
    'Brings up a whole network on this machine and leaves it running: chain, contracts, validators, providers with a\n' +
    'verifier each, router, gateway. Its data is kept over a restart. See also: ogong mesh status | logs | down',
  fields: {
    dir: newMeshDirField,
    model: {
      schema: text,
      label: '<model>',
      default: 'stories15M',
      description: 'the model: hf:owner/repo[:quant], a .gguf file, or a built-in name',
    },
    modelId: {
      schema: text,
      label: '<id>',
      description: 'the name that it is sold under; made from the model if not given',
    },
    modelRoot: { schema: hex(32), description: 'the content root that the model must have' },
    ...modelsDirField,
    validators: { schema: integer({ min: 1, max: 9 }), default: '4', description: 'how many validators' },
    providers: { schema: integer({ min: 1, max: 8 }), default: '3', description: 'how many providers' },
    basePort: {
      schema: integer({ max: 65_535 - PORTS_ABOVE_BASE }),
      default: String(DEFAULT_BASE_PORT),
      description: 'first of the ports that are used; the gateway is 46 above; 0 takes free ones',
    },
    beacon: {
      schema: oneOf(MESH_BEACONS),
      default: 'threshold',
      description: 'the randomness of a new network: one signature by shares of a key, or proofs of each validator',
    },
    canaries: {
      schema: integer({ min: 0, max: 4_000_000 }),
      default: '10000',
      label: '<ppm>',
      description:
        'how often each validator tests each provider, in a million epochs of 5 s, until the chain names another rate',
    },
    timed: {
      schema: integer({ min: 0, max: 4_000_000 }),
      default: '0',
      label: '<ppm>',
      description:
        'how often each validator gives each provider work with a deadline, in a million epochs, until the chain names another rate',
    },
    otlp: traceFields.otlp,
    foreground: { schema: boolean, boolean: true, description: 'stay in the foreground until Ctrl-C' },
    json: {
      ...jsonField,
      description: 'print the addresses as JSON once the network serves; progress goes to standard error',
    },
  },
});

const controlConfig = (verb: string, summary: string) =>
  defineConfig({
    name: `ogong mesh ${verb}`,
    examples: [`ogong mesh ${verb}`],
    summary,
    fields: { dir: meshDirField, json: jsonField },
  });
const downConfig = controlConfig('down', 'Stops the network; does nothing if none runs. Its data is kept.');
const statusConfig = defineConfig({
  name: 'ogong mesh status',
  examples: ['ogong mesh status --json'],
  summary: 'Shows running programs and their addresses. Exits with 0 if everything runs.',
  fields: { dir: meshDirField, json: jsonField },
});
const logsConfig = defineConfig({
  name: 'ogong mesh logs',
  examples: ['ogong mesh logs'],
  summary: 'Prints the last lines of a log: of a daemon, or of the launcher.',
  fields: {
    dir: meshDirField,
    lines: { schema: integer({ min: 1 }), default: '50', description: 'how many' },
    json: jsonField,
  },
  positionals: { label: '[name]', max: 1 },
});

export const meshCommand: Command = createCommandGroup({
  program: 'ogong',
  name: 'mesh',
  summary: 'a whole network on this machine',
  verbs: {
    up: { summary: 'start it', run: up },
    status: { summary: 'running programs and their addresses', run: status },
    logs: { summary: 'output of its programs', run: logs },
    down: { summary: 'stop it', run: down },
  },
  examples: ['ogong mesh up', 'ogong ask "Once upon a time"', 'ogong mesh status', 'ogong mesh down'],
});

type UpValues = Extract<ReturnType<typeof upConfig.parse>, { kind: 'run' }>['values'];

async function up(argv: readonly string[], output: Output): Promise<number> {
  const parsed = upConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { values } = parsed;
  const directory = resolve(values.dir);
  const running = findRunningMesh(directory);
  if (running) {
    rememberMesh(directory);
    if (values.json) printJson(output, describeUp(running, { isNew: false }));
    else output.write(`already up: ${running.gatewayUrl}/v1 (${running.phase})\n`);
    return EXIT.ok;
  }
  // End daemons that a killed launcher left behind: they hold the ports.
  await stopMesh(directory);
  makePrivateDirectory(directory);
  const model = await bringModel(values.model, { modelsDir: values.modelsDir, output });
  const root = values.modelRoot === undefined ? model.modelRoot : fromHex(values.modelRoot);
  if (toHex(root) !== toHex(model.modelRoot)) {
    throw new MeshError('bad-option', `${values.model} has root ${toHex(model.modelRoot)}, not ${values.modelRoot}`);
  }
  const served = { path: model.path, id: values.modelId ?? nameModel(values.model), root };
  return values.foreground
    ? runInForeground(values, directory, served, output)
    : launch(values, directory, served, output);
}

/** Output of `ogong mesh up --json`. */
const describeUp = (
  { phase, gatewayUrl, rpcUrl, model, deploymentFile, trustFile }: MeshState,
  { isNew }: { readonly isNew: boolean },
) => ({ isNew, phase, gatewayUrl, rpcUrl, model, deploymentFile, trustFile });

interface Served {
  readonly path: string;
  readonly id: string;
  readonly root: Uint8Array;
}

async function runInForeground(values: UpValues, directory: string, model: Served, output: Output): Promise<number> {
  const ending = new AbortController();
  // Only the first signal counts: a launcher in between may pass the same Ctrl-C on once more.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => ending.abort());
  const { signal } = ending;
  const options = {
    directory,
    model,
    validators: values.validators,
    providers: values.providers,
    timings: CALM_TIMINGS,
    beacon: values.beacon,
    canaryRate: values.canaries,
    timedRate: values.timed,
    otlp: values.otlp,
  };
  const basePort = values.basePort === 0 ? await findFreePortRow(PORTS_ABOVE_BASE + 1) : values.basePort;
  const showProgress = values.json ? output.writeError : output.write;
  let mesh: Mesh | undefined;
  rememberMesh(directory);
  try {
    mesh = await startMesh(
      { ...options, ports: planPorts(basePort, options), isLasting: true, revives: true },
      {
        onProgress: (message) => showProgress(`${message}\n`),
        onCrash: (detail) => output.writeError(`${detail}\n`),
        signal,
      },
    );
    const state = values.json ? readMeshState(directory) : undefined;
    if (state) printJson(output, describeUp(state, { isNew: true }));
    // Pages from source are built at the first visit; build them now, so that the visitor does not wait.
    void fetch(`${mesh.plan.gatewayUrl}/explorer/explorer.js`).catch(() => undefined);
    if (!signal.aborted) await once(signal, 'abort');
    return EXIT.ok;
  } catch (error) {
    if (!signal.aborted) throw error;
    return EXIT.ok;
  } finally {
    await mesh?.stop();
  }
}

const launchPatienceMs = 240_000;
const launcherLog = (directory: string): string => join(directory, 'logs', 'mesh.log');

/** Starts a launcher that outlives this command, and shows its progress until the network serves. */
async function launch(values: UpValues, directory: string, model: Served, output: Output): Promise<number> {
  makePrivateDirectory(join(directory, 'logs'));
  const log = openPrivateFile(launcherLog(directory), 'a');
  const args = ['mesh', 'up', '--foreground', '--dir', directory, '--model', `file:${model.path}`];
  args.push('--model-id', model.id, '--model-root', toHex(model.root), '--base-port', String(values.basePort));
  args.push('--validators', String(values.validators), '--providers', String(values.providers));
  args.push('--beacon', values.beacon, '--canaries', String(values.canaries));
  args.push('--timed', String(values.timed));
  if (values.otlp !== undefined) args.push('--otlp', values.otlp);
  const entry = fileURLToPath(new URL('./bin/ogong.ts', import.meta.url));
  const from = statSync(launcherLog(directory)).size;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry, ...args], {
    detached: true,
    stdio: ['ignore', log, log],
    windowsHide: true,
  });
  let exitCode: number | undefined;
  child.once('exit', (code) => {
    exitCode = code ?? EXIT.software;
  });
  child.unref();
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort());
  let shown = from;
  const showProgress = values.json ? output.writeError : output.write;
  const show = (): void => {
    const bytes = readFileSync(launcherLog(directory));
    showProgress(bytes.subarray(shown).toString('utf8'));
    shown = bytes.length;
  };
  for (const deadline = performance.now() + launchPatienceMs; performance.now() < deadline; await delay(100)) {
    show();
    if (interrupted.signal.aborted && exitCode === undefined) {
      showProgress('interrupted: started programs are stopped\n');
      child.ref();
      child.kill('SIGTERM');
      await once(child, 'exit');
      show();
      return EXIT.interrupted;
    }
    const state = readMeshState(directory);
    if (exitCode !== undefined) {
      show();
      output.writeError(`ogong mesh: the launcher ended; its log is ${launcherLog(directory)}\n`);
      return exitCode === 0 ? EXIT.software : exitCode;
    }
    if (state?.launcher.pid === child.pid && state?.phase === 'ready') {
      if (values.json) printJson(output, describeUp(state, { isNew: true }));
      output.writeError(`${describePages(state.gatewayUrl)}\n`);
      output.writeError('up: ogong ask "Once upon a time"\n');
      return EXIT.ok;
    }
  }
  output.writeError(
    `ogong mesh: not ready after ${launchPatienceMs / 1000} s; see ${launcherLog(directory)}, stop it with: ogong mesh down\n`,
  );
  return EXIT.temporary;
}

async function down(argv: readonly string[], output: Output): Promise<number> {
  const parsed = downConfig.parse(argv, process.env);
  if (parsed.kind === 'print') output.write(parsed.text);
  else {
    const ended = await stopMesh(findMeshDirectory(parsed.values.dir));
    if (parsed.values.json) printJson(output, { stopped: ended });
    else output.write(ended.length > 0 ? `stopped: ${ended.join(', ')}\n` : 'nothing runs\n');
  }
  return EXIT.ok;
}

async function status(argv: readonly string[], output: Output): Promise<number> {
  const parsed = statusConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const state = readMeshState(findMeshDirectory(parsed.values.dir));
  if (!state) {
    if (parsed.values.json) printJson(output, { isWell: false, processes: [] });
    else output.write('nothing runs\n');
    return EXIT.unavailable;
  }
  const found = { ...inspectMesh(state), tests: await readMeshTests(state) };
  if (parsed.values.json) printJson(output, found);
  else output.write(formatMesh(found));
  return found.isWell ? EXIT.ok : EXIT.temporary;
}

/** Output of `ogong mesh status --json`. */
export interface MeshReport {
  readonly isWell: boolean;
  /** Whether the launcher runs; without it nothing restarts a daemon. */
  readonly isLaunched: boolean;
  readonly phase: MeshState['phase'];
  readonly message: string;
  readonly gatewayUrl: string;
  readonly rpcUrl: string;
  readonly model: string;
  readonly processes: readonly {
    readonly name: string;
    readonly port: number;
    readonly pid: number | null;
    readonly isRunning: boolean;
  }[];
  /** Validators' counts of their tests of providers; null if none of them answers. */
  readonly tests?: ToldTests | null;
}

/** Every part with its process, from the operating system and not from the state file. */
export function inspectMesh(state: MeshState, isAlive: (identity: ProcessIdentity) => boolean = isRunning): MeshReport {
  const { phase, message, gatewayUrl, rpcUrl, model } = state;
  const isLaunched = isAlive(state.launcher);
  const processes = state.processes.map(({ name, port, identity }) => ({
    name,
    port,
    pid: identity?.pid ?? null,
    isRunning: identity !== undefined && isAlive(identity),
  }));
  const isWell = isLaunched && phase === 'ready' && processes.every((each) => each.isRunning);
  return { isWell, isLaunched, phase, message, gatewayUrl, rpcUrl, model, processes };
}

/** A network that has ended is not asked. */
async function readMeshTests({ phase, launcher, deploymentFile, rpcUrl }: MeshState): Promise<ToldTests | null> {
  if (phase !== 'ready' || !isRunning(launcher)) return null;
  return readToldTests({ deployment: deploymentFile, rpcUrl }).catch(() => null);
}

function describeTests(tests: ToldTests | null | undefined): string[] {
  if (!tests) return [];
  const describe = ({ asked, missed }: TestCount): string => `${asked} (${missed} missed)`;
  const counts = `${describe(tests.canary)} answers bought, ${describe(tests.timed)} jobs with a deadline`;
  return [
    `tests of providers: ${counts}, told by ${tests.validators} validators for the last ${MAX_REPORT_EPOCHS} epochs`,
  ];
}

const describePages = (gatewayUrl: string): string => `explorer ${gatewayUrl}/explorer/, chat ${gatewayUrl}/`;

export function formatMesh({ isLaunched, phase, message, gatewayUrl, model, processes, tests }: MeshReport): string {
  const head = isLaunched ? `${phase}: ${message}` : 'the launcher is gone: ogong mesh up starts over';
  const rows = processes.map(
    ({ name, port, pid, isRunning: runs }) =>
      `${runs ? 'up  ' : 'DOWN'}  ${name.padEnd(14)} port ${port}${pid === null ? '' : `  pid ${pid}`}`,
  );
  return [
    head,
    `gateway ${gatewayUrl}/v1, model ${model}`,
    describePages(gatewayUrl),
    ...describeTests(tests),
    ...rows,
    '',
  ].join('\n');
}

async function logs(argv: readonly string[], output: Output): Promise<number> {
  const parsed = logsConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const [name = 'mesh'] = parsed.positionals;
  const directory = join(findMeshDirectory(parsed.values.dir), 'logs');
  const file = join(directory, `${name.replaceAll(/[^a-z0-9-]/g, '')}.log`);
  if (!existsSync(file)) throw new MeshError('bad-option', `there is no log ${file}`);
  const lines = readFileSync(file, 'utf8').split('\n');
  const last = lines.slice(-parsed.values.lines - 1);
  if (parsed.values.json) printJson(output, { file, lines: last.filter((line) => line !== '') });
  else output.write(last.join('\n'));
  return EXIT.ok;
}

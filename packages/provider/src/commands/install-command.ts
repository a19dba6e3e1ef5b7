import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArguments } from '@ogong/host/config/arguments';
import { modelsDirField } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean } from '@ogong/host/config/values';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { engineFields } from '../engine/engine-config.ts';
import { dataDirField, localConfig, serveConfig } from '../provider/provider-config.ts';
import { formatPlist, formatUnit, labelOf, type ServicePlan } from './service-file.ts';

const DAEMONS = { local: localConfig, serve: serveConfig };
type Installable = keyof typeof DAEMONS;

const dryRun = {
  schema: boolean,
  boolean: true,
  description: 'print what would be written and run, and do nothing',
} as const;

export const installConfig = defineConfig({
  name: 'ogong-provider install',
  summary:
    'Starts local mode, or serve, at login, and again when it fails: a user unit of systemd on Linux, an agent of launchd on macOS. ' +
    'Flags of the daemon come after --. Run again, it changes only what differs.',
  positionals: { label: '<local|serve> [-- <flags of the daemon>]', min: 1, max: 256 },
  fields: { dryRun, json: jsonField },
  examples: [
    'ogong-provider install local',
    'ogong-provider install local --dry-run -- --model stories15M --keep-alive 1h',
    'ogong-provider install serve',
  ],
});

export const uninstallConfig = defineConfig({
  name: 'ogong-provider uninstall',
  summary: 'Stops what install started, and takes it away. Models and settings stay.',
  positionals: { label: '<local|serve>', min: 1, max: 1 },
  fields: { dryRun, json: jsonField },
  examples: ['ogong-provider uninstall local'],
});

/** The machine that a service is installed on; tests pass their own. */
export interface ServiceMachine {
  readonly platform: string;
  readonly home: string;
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Node, its flags, and the program. */
  readonly program: readonly string[];
  /** @returns the failure, if there was one. */
  run(command: readonly string[]): string | undefined;
}

/**
 * Names the command that starts this program at any later login. In a clone that is its launcher (`scripts/run.mjs`), by which it
 * was started: the joined file that runs now goes when the sources change.
 * @param launcher JSON of the launcher's path and the entry that it was given; absent elsewhere.
 */
export function nameProgram(
  { execPath, execArgv, argv }: Pick<NodeJS.Process, 'execPath' | 'execArgv' | 'argv'>,
  launcher: string | undefined,
): readonly string[] {
  const launched: unknown = launcher === undefined ? undefined : JSON.parse(launcher);
  const isOwn = Array.isArray(launched) && String(launched[1]).endsWith('/ogong-provider.ts');
  return isOwn ? [execPath, ...launched.map(String)] : [execPath, ...execArgv, argv[1] as string];
}

const thisMachine = (): ServiceMachine => ({
  ...{ platform: process.platform, home: homedir(), uid: process.getuid?.() ?? 0, env: process.env },
  program: nameProgram(process, process.env.OGONG_LAUNCHER),
  run([program = '', ...args]) {
    const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    return status === 0 ? undefined : (error?.message ?? stderr.trim().split('\n').at(-1) ?? `status ${status}`);
  },
});

export const installCommand = (machine: () => ServiceMachine = thisMachine): Command => ({
  name: 'install',
  summary: 'start local mode or serve at login',
  async run(argv, output) {
    const parsed = installConfig.parse(argv, process.env);
    if (parsed.kind === 'print') return print(output, parsed.text);
    const [typed = '', ...flags] = parsed.positionals;
    const daemon = readDaemon(typed, installConfig.definition.name);
    // Refuses now the settings that the daemon would refuse at the next login.
    const problems: string[] = [];
    parseArguments(DAEMONS[daemon].definition, flags, problems);
    if (problems.length > 0) throw new ConfigError(DAEMONS[daemon].definition.name, problems);
    const service = planService(machine(), daemon, flags);
    const { dryRun: isDry, json } = parsed.values;
    return install(machine(), service, { output, isDry, json });
  },
});

export const uninstallCommand = (machine: () => ServiceMachine = thisMachine): Command => ({
  name: 'uninstall',
  summary: 'take away what install started',
  async run(argv, output) {
    const parsed = uninstallConfig.parse(argv, process.env);
    if (parsed.kind === 'print') return print(output, parsed.text);
    const daemon = readDaemon(parsed.positionals[0] as string, uninstallConfig.definition.name);
    const { path, stopping, settled } = planService(machine(), daemon, []);
    const { json } = parsed.values;
    if (parsed.values.dryRun) {
      const commands = [...stopping, ['rm', path], ...settled];
      if (json) printJson(output, { path, commands });
      else output.write(commands.map((command) => `${command.join(' ')}\n`).join(''));
      return EXIT.ok;
    }
    if (!existsSync(path)) {
      if (json) printJson(output, { path, state: 'absent' });
      else output.writeError(`nothing is installed at ${path}\n`);
      return EXIT.ok;
    }
    const failed = runAll(machine(), stopping);
    rmSync(path);
    runAll(machine(), settled);
    if (failed !== undefined) output.writeError(`${failed}\n`);
    if (json) printJson(output, { path, state: 'deleted' });
    else output.writeError(`${path} is deleted\n`);
    return EXIT.ok;
  },
});

function print(output: Output, text: string): number {
  output.write(text);
  return EXIT.ok;
}

function readDaemon(typed: string, command: string): Installable {
  if (typed === 'local' || typed === 'serve') return typed;
  throw new ConfigError(command, [`name local or serve, not "${typed.slice(0, 40)}"`]);
}

interface ServiceInstallation {
  readonly path: string;
  readonly text: string;
  readonly starting: readonly (readonly string[])[];
  /** Commands for an unchanged file. */
  readonly keeping: readonly (readonly string[])[];
  readonly stopping: readonly (readonly string[])[];
  /** After the file is deleted. */
  readonly settled: readonly (readonly string[])[];
  /** How its log is read. */
  readonly log: string;
}

/** Variables that say where things are. Secrets are not written down: they belong to the shell, or to a file of serve. */
const KEPT = [modelsDirField.modelsDir, dataDirField.dataDir, engineFields.hubEndpoint].map(({ env }) => env);

function planService(machine: ServiceMachine, daemon: Installable, flags: readonly string[]): ServiceInstallation {
  const { platform, home, uid, env, program } = machine;
  const plan: ServicePlan = {
    name: `ogong-provider-${daemon}`,
    description: daemon === 'local' ? 'OGONG local mode' : 'OGONG provider',
    argv: [...program, daemon, ...flags],
    environment: Object.fromEntries(KEPT.flatMap((name) => (env[name] ? [[name, env[name]]] : []))),
  };
  if (platform === 'linux') {
    const unit = `${plan.name}.service`;
    const systemctl = (...words: readonly string[]): readonly string[] => ['systemctl', '--user', ...words];
    return {
      path: join(env.XDG_CONFIG_HOME || join(home, '.config'), 'systemd', 'user', unit),
      text: formatUnit(plan),
      starting: [systemctl('daemon-reload'), systemctl('enable', unit), systemctl('restart', unit)],
      keeping: [systemctl('enable', '--now', unit)],
      stopping: [systemctl('disable', '--now', unit)],
      settled: [systemctl('daemon-reload')],
      log: `journalctl --user -u ${unit}`,
    };
  }
  if (platform === 'darwin') {
    const path = join(home, 'Library', 'LaunchAgents', `${labelOf(plan)}.plist`);
    const logPath = join(home, 'Library', 'Logs', `${plan.name}.log`);
    const stop = ['launchctl', 'bootout', `gui/${uid}/${labelOf(plan)}`];
    return {
      ...{
        path,
        text: formatPlist(plan, logPath),
        keeping: [],
        stopping: [stop],
        settled: [],
        log: `tail -f ${logPath}`,
      },
      starting: [['launchctl', 'bootstrap', `gui/${uid}`, path]],
    };
  }
  throw new ConfigError(installConfig.definition.name, [
    `nothing is known here of services on ${platform}; start ogong-provider ${daemon} by hand`,
  ]);
}

function install(
  machine: ServiceMachine,
  { path, text, starting, keeping, stopping, log }: ServiceInstallation,
  { output, isDry, json }: { readonly output: Output; readonly isDry: boolean; readonly json: boolean },
): number {
  if (isDry) {
    if (json) printJson(output, { path, text, commands: starting });
    else output.write(`# ${path}\n${text}\n${starting.map((command) => `# ${command.join(' ')}\n`).join('')}`);
    return EXIT.ok;
  }
  const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  if (before !== text) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode: 0o644 });
  }
  // launchd keeps a service file that it has read until it is ordered to forget it.
  if (before !== undefined && before !== text && machine.platform === 'darwin') runAll(machine, stopping);
  const failed = runAll(machine, before === text ? keeping : starting);
  if (failed !== undefined) {
    output.writeError(`${path} is written, but not started: ${failed}\n`);
    return EXIT.unavailable;
  }
  if (json) printJson(output, { path, state: before === text ? 'unchanged' : 'started', log });
  else output.writeError(`${path} ${before === text ? 'is as it was' : 'is written and started'}; its log: ${log}\n`);
  return EXIT.ok;
}

/** Runs one after the other; ends at the first that fails. @returns what went wrong, if anything did. */
function runAll(machine: ServiceMachine, commands: readonly (readonly string[])[]): string | undefined {
  for (const command of commands) {
    const failed = machine.run(command);
    if (failed !== undefined) return `${command.join(' ')}: ${failed}`;
  }
  return undefined;
}

// A provider whose engine processes run under a limit of the system. Usage, with the arguments of `ogong-provider serve` last:
// --engine-program PATH [--coarse-if PATH] -- serve ...
import { existsSync } from 'node:fs';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { text } from '@ogong/host/config/values';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { serveConfig } from '@ogong/provider/provider/provider-config';
import { startServing } from '@ogong/provider/provider/serve-daemon';
import { createSegmentAttack } from '@ogong/testing/engine/segment-attackers';

const NAME = 'limited-provider';

const config = defineConfig({
  name: NAME,
  summary: 'Serves like a provider with little memory: for demonstrations and tests.',
  fields: {
    engineProgram: {
      schema: text,
      label: '<path>',
      required: true,
      description: 'the program that runs engine processes in place of node',
    },
    coarseIf: {
      schema: text,
      label: '<path>',
      description: 'once this file exists, rows of segments have half of their bits',
    },
  },
  positionals: { label: '-- serve ...', min: 1, max: 256 },
});

function print(shown: string): never {
  process.stdout.write(shown);
  process.exit(0);
}

/** Sends honest rows until the file exists, and coarse ones from then on. */
function coarsenLater(segment: SegmentEngine, file: string): SegmentEngine {
  const coarse = createSegmentAttack('less-precision', { honest: segment, swapped: segment, shorter: segment });
  return { ...segment, run: (pass) => (existsSync(file) ? coarse : segment).run(pass) };
}

async function start(): Promise<Daemon> {
  const parsed = config.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { engineProgram, coarseIf } = parsed.values;
  const [command, ...rest] = parsed.positionals;
  if (command !== 'serve') throw new ConfigError(NAME, ['after -- comes serve and its flags']);
  const serving = serveConfig.parse(rest, process.env);
  if (serving.kind === 'print') return print(serving.text);
  // Engine processes are forks, and so run this program.
  process.execPath = engineProgram;
  return startServing(serving.values, {
    segment: (segment) => (coarseIf === undefined ? segment : coarsenLater(segment, coarseIf)),
  });
}

await runDaemon(start, { name: NAME });

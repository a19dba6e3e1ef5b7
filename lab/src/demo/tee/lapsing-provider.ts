// A provider of tier tee whose machine changes while it serves. Usage, with the arguments of `ogong-provider serve` last:
// --lapse-file PATH -- serve ...
import { existsSync } from 'node:fs';
import { createSoftwareAttester } from '@ogong/host/attester/software-attester';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { text } from '@ogong/host/config/values';
import { createOrLoadAttesterSeed } from '@ogong/host/crypto/key-files';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { serveConfig } from '@ogong/provider/provider/provider-config';
import { startServing } from '@ogong/provider/provider/serve-daemon';

const NAME = 'lapsing-provider';

const lapseConfig = defineConfig({
  name: NAME,
  summary: 'Serves like a provider whose software attester reports another program once a file is there.',
  fields: {
    lapseFile: {
      schema: text,
      label: '<path>',
      required: true,
      description: 'if this file exists, the machine reports another program',
    },
  },
  positionals: { label: '-- serve ...', min: 1, max: 256 },
});

function print(shown: string): never {
  process.stdout.write(shown);
  process.exit(0);
}

async function start(): Promise<Daemon> {
  const parsed = lapseConfig.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const [command, ...rest] = parsed.positionals;
  if (command !== 'serve') throw new ConfigError(NAME, ['after -- comes serve and its flags']);
  const serving = serveConfig.parse(rest, process.env);
  if (serving.kind === 'print') return print(serving.text);
  const seed = createOrLoadAttesterSeed(serving.values.dataDir).reveal();
  const changed = createSoftwareAttester(seed, 'a program that nobody approved');
  return startServing(serving.values, {
    attester: (attester) => ({
      ...attester,
      attest: (reportData) => (existsSync(parsed.values.lapseFile) ? changed : attester).attest(reportData),
    }),
  });
}

await runDaemon(start, { name: NAME });

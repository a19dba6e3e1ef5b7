// A provider of pictures that computes half of the steps that it declares. Usage, with the arguments of `ogong-provider serve` last:
// -- serve ...
import { ConfigError } from '@ogong/host/config/config-error';
import { runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { serveConfig } from '@ogong/provider/provider/provider-config';
import { startServing } from '@ogong/provider/provider/serve-daemon';
import { halveSteps } from './halved-engine.ts';

const NAME = 'cheating-picture-provider';

async function start() {
  const [dashes, command, ...rest] = process.argv.slice(2);
  if (dashes !== '--' || command !== 'serve') throw new ConfigError(NAME, ['the arguments begin with -- serve']);
  const serving = serveConfig.parse(rest, process.env);
  if (serving.kind === 'print') {
    process.stdout.write(serving.text);
    return process.exit(0);
  }
  return startServing(serving.values, {
    engine: (engine) => (engine.specificationVersion === 'trajectory-v1' ? halveSteps(engine) : engine),
  });
}

await runDaemon(start, { name: NAME });

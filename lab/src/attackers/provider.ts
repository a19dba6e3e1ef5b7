// A provider that cheats: the honest role with parts that lie. Usage, with the arguments of `ogong-provider serve` last:
// --cheat MODE --evidence DIR [--cheap-model PATH] -- serve ...
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { oneOf, text } from '@ogong/host/config/values';
import { type Daemon, runDaemon } from '@ogong/host/lifecycle/run-daemon';
import { serveConfig } from '@ogong/provider/provider/provider-config';
import { startServing } from '@ogong/provider/provider/serve-daemon';
import type { Attack } from './attack.ts';
import { ATTACK_NAMES, findAttack } from './catalogue.ts';
import { bendCommit } from './draws/bend-commit.ts';
import { createEvidenceKeeper } from './served-evidence.ts';

const NAME = 'cheating-provider';

const cheatConfig = defineConfig({
  name: NAME,
  summary: 'Serves like a provider, and cheats: for demonstrations and tests.',
  fields: {
    cheat: { schema: oneOf(ATTACK_NAMES), required: true, description: 'how' },
    cheapModel: {
      schema: text,
      label: '<path>',
      description: 'the model that it decodes with instead of the one that it sells',
    },
    evidence: { schema: text, label: '<path>', required: true, description: 'where copies of what it signed are put' },
  },
  positionals: { label: '-- serve ...', min: 1, max: 256 },
});

function print(shown: string): never {
  process.stdout.write(shown);
  process.exit(0);
}

async function start(): Promise<Daemon> {
  const parsed = cheatConfig.parse(process.argv.slice(2), process.env);
  if (parsed.kind === 'print') return print(parsed.text);
  const { values, positionals } = parsed;
  const [command, ...rest] = positionals;
  if (command !== 'serve') throw new ConfigError(NAME, ['after -- comes serve and its flags']);
  const serving = serveConfig.parse(rest, process.env);
  if (serving.kind === 'print') return print(serving.text);
  const definition = findAttack(values.cheat);
  if (definition.cheap !== undefined && values.cheapModel === undefined) {
    throw new ConfigError(NAME, [`--cheat ${values.cheat} decodes with another model: --cheap-model says which`]);
  }
  const cheapEngine =
    values.cheapModel === undefined
      ? undefined
      : await createLlamaEngine({ modelPath: values.cheapModel, ...definition.cheap?.engine });
  const keeper = createEvidenceKeeper(values.evidence);
  let attack: Attack | undefined;
  const daemon = await startServing(serving.values, {
    engine(engine) {
      if (engine.specificationVersion !== 'text-v1') return engine;
      attack = definition.create({ engine, ...(cheapEngine ? { cheapEngine } : {}) });
      return attack.engine;
    },
    openings: (openings) => keeper.bendOpenings(openings, attack as Attack),
    commit: () => bendCommit(attack as Attack),
    signer: keeper.watchSigner,
  });
  return {
    ready: { ...daemon.ready, cheat: values.cheat },
    async stop() {
      await daemon.stop();
      await cheapEngine?.close();
    },
  };
}

await runDaemon(start, { name: NAME });

import { existsSync, statSync } from 'node:fs';
import { readAvailableMemory } from '@ogong/engine/llama-cpp/device/memory';
import { type CutPlan, type LayersMemory, planCut } from '@ogong/engine/llama-cpp/segment/plan-cut';
import { modelsDirField } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, integer, size } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { SlabError } from '@ogong/models/slabs/slab-error';
import { readSourceModel } from '@ogong/models/slabs/source-model';
import { describeLayers } from '@ogong/protocol/exchange/cohort/segment';
import { formatBytes } from '@ogong/provider/commands/format';
import { bringModel } from './bring-model.ts';

const planConfig = defineConfig({
  name: 'ogong model show --plan',
  examples: ['ogong model show stories15M --plan', 'ogong model show model.gguf --plan --memory 8GiB --context 8192'],
  summary:
    'Says which layers of a model fit into the memory of this machine, and where to cut the model for several machines like it.\n' +
    'Exits with 65 if the architecture cannot be cut, or if not even the smallest slabs fit.',
  fields: {
    ...modelsDirField,
    plan: {
      schema: boolean,
      boolean: true,
      description: 'plan a cut of a model on this machine; nothing is read from a chain',
    },
    memory: { schema: size, description: 'memory of each machine; default: the free memory of this one' },
    context: {
      schema: integer({ min: 16, max: 1 << 20 }),
      default: '4096',
      description: 'tokens of a prompt with its reply',
    },
    sequences: { schema: integer({ min: 1, max: 256 }), default: '1', description: 'replies at a time' },
    json: jsonField,
  },
  positionals: { label: '<model>', min: 1, max: 1 },
});

/** Plans the cut of a model for machines with this memory. */
export async function planModel(argv: readonly string[], output: Output): Promise<number> {
  const parsed = planConfig.parse(argv, process.env);
  if (parsed.kind === 'print') {
    output.write(parsed.text);
    return EXIT.ok;
  }
  const { modelsDir, context: contextSize, sequences, json } = parsed.values;
  const memoryBytes = parsed.values.memory ?? readAvailableMemory();
  const { name, path } = await bringModel(parsed.positionals[0] as string, { modelsDir, output });
  if (!existsSync(path) || !statSync(path).isFile())
    throw new ConfigError(planConfig.definition.name, [`${name} is a folder of networks; only a GGUF file is cut`]);
  let plan: CutPlan;
  try {
    plan = planCut(readSourceModel(path), { memoryBytes, contextSize, sequences });
  } catch (error) {
    if (!(error instanceof SlabError)) throw error;
    output.writeError(`ogong model show: ${error.message}\n`);
    return EXIT.data;
  }
  const { slabs, whole } = plan;
  const fitsWhole = whole.totalBytes <= memoryBytes;
  const edges = slabs.slice(1).map(({ from }) => from);
  if (json) printJson(output, { name, memoryBytes, contextSize, sequences, fitsWhole, edges, ...plan });
  else output.write(describePlan(plan, { name, memoryBytes, edges }));
  return fitsWhole || slabs.length > 0 ? EXIT.ok : EXIT.data;
}

function describePlan(
  { architecture, layers, whole, longest, slabs }: CutPlan,
  {
    name,
    memoryBytes,
    edges,
  }: { readonly name: string; readonly memoryBytes: number; readonly edges: readonly number[] },
): string {
  const memory = formatBytes(memoryBytes);
  const lines = [
    `${name}  architecture ${architecture}  ${layers} layers  whole ${formatBytes(whole.totalBytes)}, ${memory} free`,
  ];
  if (whole.totalBytes <= memoryBytes) lines.push('the whole model fits: one provider can serve it alone');
  if (longest === undefined) lines.push(`no slab of this model fits into ${memory}`);
  else lines.push(`${longest.to - longest.from} consecutive layers fit at most, such as ${nameLayers(longest)}`);
  for (const slab of slabs) {
    const { weightBytes, kvBytes, computeBytes, totalBytes } = slab;
    const parts = `weights ${formatBytes(weightBytes)}, KV ${formatBytes(kvBytes)}, passes ${formatBytes(computeBytes)}`;
    lines.push(`  ${nameLayers(slab)}  ${formatBytes(totalBytes)}: ${parts}`);
  }
  if (slabs.length > 0) lines.push(`ogong model split ${name} --edges ${edges.join(',')}`);
  else if (longest !== undefined) lines.push('no cut has slabs that all fit');
  return `${lines.join('\n')}\n`;
}

const nameLayers = ({ from, to }: LayersMemory): string => describeLayers({ firstLayer: from, layers: to - from });

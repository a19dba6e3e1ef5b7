import { z } from 'zod';
import { ModelError } from '../model-error.ts';
import { FAMILIES } from './families.ts';
import type { ModelShape } from './model-shape.ts';
import { readRopeScaling } from './rope.ts';

const size = (most: number) => z.int().min(1).max(most);
const rope = z.record(z.string().max(64), z.unknown());

/** Fields of `config.json` that change the weights or their use. Others do not matter to a GGUF file. */
const configSchema = z.object({
  model_type: z.string().max(64),
  hidden_size: size(1 << 16),
  intermediate_size: size(1 << 20),
  num_hidden_layers: size(1 << 10),
  num_attention_heads: size(1 << 12),
  num_key_value_heads: size(1 << 12).nullish(),
  head_dim: size(1 << 12).nullish(),
  vocab_size: size(1 << 20),
  max_position_embeddings: size(1 << 26),
  rms_norm_eps: z.number().positive().max(1),
  hidden_act: z.string().max(64).default('silu'),
  tie_word_embeddings: z.boolean().default(false),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: rope.nullish(),
  rope_parameters: rope.nullish(),
  use_sliding_window: z.boolean().nullish(),
  quantization_config: z.unknown().optional(),
});

/** That of transformers for configurations without one. */
const DEFAULT_ROPE_BASE = 10_000;

const refuse = (message: string): never => {
  throw new ModelError('not-convertible', message);
};

/**
 * Reads the sizes of a model.
 * @param config content of `config.json`. @param path of that file, for errors.
 * @throws ModelError `not-convertible` for a model that no rule here describes, `corrupt` for values that are missing or absurd.
 */
export function readModelShape(config: Readonly<Record<string, unknown>>, path: string): ModelShape {
  const type = config.model_type;
  const family = FAMILIES.find(({ architecture }) => architecture === type);
  if (family === undefined)
    return refuse(
      `${path} describes a model of type ${JSON.stringify(type ?? null).slice(0, 60)}; this converter knows ${FAMILIES.map(({ architecture }) => architecture).join(', ')}. ` +
        'Take a GGUF file of the model from its maker, or make one with the tools of llama.cpp',
    );
  const parsed = configSchema.safeParse(config);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ModelError('corrupt', `${path}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { data } = parsed;
  if (data.quantization_config !== undefined && data.quantization_config !== null)
    refuse(`${path} describes quantised weights; convert the original in F32, F16 or BF16`);
  if (data.hidden_act !== 'silu') refuse(`${path} names the activation ${data.hidden_act}; only silu is converted`);
  if (data.use_sliding_window === true) refuse(`${path} uses a sliding window, which is not converted`);
  const ropeFields = data.rope_parameters ?? data.rope_scaling ?? undefined;
  const heads = data.num_attention_heads;
  const kvHeads = data.num_key_value_heads ?? heads;
  const headSize = data.head_dim ?? (family.statesHeadSize ? undefined : data.hidden_size / heads);
  const base = data.rope_theta ?? data.rope_parameters?.rope_theta ?? DEFAULT_ROPE_BASE;
  if (headSize === undefined) throw new ModelError('corrupt', `${path} has no head_dim`);
  if (!Number.isInteger(headSize / 2) || !Number.isInteger(heads / kvHeads))
    throw new ModelError('corrupt', `${path}: ${heads} heads, ${kvHeads} for keys, of ${headSize} values`);
  if (typeof base !== 'number' || !(base > 0) || !Number.isFinite(base))
    throw new ModelError('corrupt', `${path}: rope_theta is no number above 0`);
  return {
    ...{ family, heads, kvHeads, headSize },
    layers: data.num_hidden_layers,
    embedding: data.hidden_size,
    feedForward: data.intermediate_size,
    vocabulary: data.vocab_size,
    context: data.max_position_embeddings,
    epsilon: data.rms_norm_eps,
    ropeBase: base,
    ropeScaling: readRopeScaling(ropeFields, { family, path }),
    isTied: data.tie_word_embeddings,
  };
}

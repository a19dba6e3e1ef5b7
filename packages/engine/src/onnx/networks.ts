import { join } from 'node:path';
import type { ModelFolder } from '@ogong/models/model-folder';
import { EngineError } from '../interface/engine-error.ts';
import type { PictureFamily, TextEncoderPlan, TextStates, ValueTensor } from './families/family.ts';
import type { PictureFacts } from './picture-facts.ts';
import type { OnnxInput, OnnxLibrary, OnnxSession, OnnxTensor } from './runtime/sessions.ts';

/** The networks of one model, loaded in one numeric class. */
export interface PictureNetworks {
  /** True if the networks compute one size alone. */
  readonly hasFixedSize: boolean;
  /** @param prompts tokens for each encoder of the family, in its order. */
  encodeText(prompts: readonly EncodedPrompt[]): Promise<TextStates>;
  /** @param latent f32[channels, height, width]. @returns the network's output for it. */
  denoise(latent: Float32Array, at: DenoiseAt): Promise<Float32Array>;
  /** @returns f32[3, height, width] of pixels, -1 to 1. */
  decode(latent: Float32Array, shape: LatentShape): Promise<Float32Array>;
  /**
   * Encodes a picture; undefined without an encoder.
   * @param planes f32[3, height, width], -1 to 1. @returns f32[channels, height, width] of the latent.
   */
  readonly encode: ((planes: Float32Array, shape: LatentShape) => Promise<Float32Array>) | undefined;
  free(): Promise<void>;
}

/** Tokens of a prompt for one encoder. */
export interface EncodedPrompt {
  /** Padded to the encoder's context. */
  readonly ids: readonly number[];
  /** Tokens before the padding. */
  readonly used: number;
}

export interface LatentShape {
  readonly rows: number;
  readonly columns: number;
}

export interface DenoiseAt extends LatentShape {
  readonly timestep: number;
  readonly text: TextStates;
  readonly guidance: number;
}

export interface PictureNetworkOptions {
  readonly folder: ModelFolder;
  readonly family: PictureFamily;
  readonly facts: PictureFacts;
  readonly library: OnnxLibrary;
  readonly threads: number;
}

/** @throws EngineError('unsupported-model') if a network has other inputs or outputs than its family. */
export async function openPictureNetworks(options: PictureNetworkOptions): Promise<PictureNetworks> {
  const { folder, family, facts, library, threads } = options;
  const opened: OnnxSession[] = [];
  const open = async (component: string): Promise<OnnxSession> => {
    const directory = join(folder.path, component);
    const externalFiles = folder.components.get(component)?.onnx?.externalFiles ?? [];
    const session = await library.open(
      { path: join(directory, 'model.onnx'), externalFiles: externalFiles.map((file) => join(directory, file)) },
      { threads },
    );
    opened.push(session);
    return session;
  };
  const configOf = (component: string) => folder.components.get(component)?.config ?? {};
  const free = async (): Promise<void> => {
    for (const session of opened.splice(0)) await session.free();
  };
  try {
    const encoders: TextEncoder[] = [];
    for (const plan of family.texts)
      encoders.push(createTextEncoder(await open(plan.encoder), plan, configOf(plan.encoder)));
    const denoiser = await open(family.denoiser);
    const decoder = await open('vae_decoder');
    const pictureEncoder = folder.components.has('vae_encoder') ? await open('vae_encoder') : undefined;
    assertInputs(denoiser, family);
    const timeInput = findInput(denoiser, {
      ...{ component: family.denoiser, name: 'timestep', types: ['int64', 'float32'] },
    });
    findInput(decoder, { component: 'vae_decoder', name: 'latent_sample', types: ['float32'] });
    const [latentName = ''] = family.inputs;
    const latentInput = findInput(denoiser, { component: family.denoiser, name: latentName, types: ['float32'] });
    const { latentChannels, latentScale } = facts;
    return {
      hasFixedSize: latentInput.shape
        .slice(family.packing === 1 ? 2 : 1, family.packing === 1 ? 4 : 2)
        .every((size) => typeof size === 'number'),
      async encodeText(prompts) {
        const states: TextStates[] = [];
        for (const [i, encode] of encoders.entries()) states.push(await encode(prompts[i] as EncodedPrompt));
        return family.join(states, configOf(family.denoiser));
      },
      async denoise(latent, { timestep, text, guidance, rows, columns }) {
        const tensor: ValueTensor = { type: 'float32', data: latent, dims: [1, latentChannels, rows, columns] };
        const fed = family.feed({
          latent: tensor,
          timestep: toTimestep(timestep * family.timeScale, timeInput),
          ...{ text, guidance, size: { width: columns * latentScale, height: rows * latentScale } },
        });
        const known = new Set(denoiser.inputs.map(({ name }) => name));
        const result = await denoiser.run(Object.fromEntries(Object.entries(fed).filter(([name]) => known.has(name))));
        const { data } = takeFloats(result, family.output);
        if (data.length !== latent.length)
          throw new EngineError(
            'unsupported-model',
            `${family.denoiser} returned ${data.length} values for ${latent.length}`,
          );
        return assertFinite(family.unpack?.(data, tensor) ?? data);
      },
      async decode(latent, { rows, columns }) {
        const { scalingFactor, shiftFactor } = facts;
        const data = latent.map((value) => value / scalingFactor + shiftFactor);
        const dims = [1, latentChannels, rows, columns];
        return assertFinite(
          takeFloats(await decoder.run({ latent_sample: { type: 'float32', data, dims } }), 'sample').data,
        );
      },
      encode: pictureEncoder && createEncoder(pictureEncoder, facts),
      free,
    };
  } catch (error) {
    await free();
    throw error;
  }
}

type TextEncoder = (prompt: EncodedPrompt) => Promise<TextStates>;

/** @throws EngineError('unsupported-model') for a network with other inputs or outputs. */
function createTextEncoder(
  session: OnnxSession,
  { encoder: component, masksPadding, hidden, pooled }: TextEncoderPlan,
  config: Readonly<Record<string, unknown>>,
): TextEncoder {
  const idsInput = findInput(session, { component, name: 'input_ids', types: ['int64', 'int32'] });
  const maskInput = session.inputs.find(({ name }) => name === 'attention_mask');
  const states = hidden(config);
  const vector = pooled.find((name) => session.outputs.includes(name));
  if (!session.outputs.includes(states))
    throw new EngineError(
      'unsupported-model',
      `${component}/model.onnx has no output ${states}; export the model with optimum, with all hidden states`,
    );
  return async ({ ids, used }) => {
    const mask = Array.from(ids, (_, i) => (!masksPadding || i < used ? 1 : 0));
    const feeds = { input_ids: toInteger(ids, idsInput) };
    const result = await session.run(maskInput ? { ...feeds, attention_mask: toInteger(mask, maskInput) } : feeds);
    return {
      hidden: takeFloats(result, states),
      pooled: vector === undefined ? undefined : takeFloats(result, vector),
    };
  };
}

/**
 * The encoder computes mean and variance of each value. The mean is taken, since nothing may be drawn at random.
 * @throws EngineError('unsupported-model') for an encoder of another form.
 */
function createEncoder(
  session: OnnxSession,
  { latentChannels, latentScale, scalingFactor, shiftFactor }: PictureFacts,
): NonNullable<PictureNetworks['encode']> {
  const component = 'vae_encoder';
  findInput(session, { component, name: 'sample', types: ['float32'] });
  if (!session.outputs.includes(MOMENTS))
    throw new EngineError('unsupported-model', `${component}/model.onnx has no output ${MOMENTS}`);
  return async (planes, { rows, columns }) => {
    const dims = [1, 3, rows * latentScale, columns * latentScale];
    const { data } = takeFloats(await session.run({ sample: { type: 'float32', data: planes, dims } }), MOMENTS);
    const count = latentChannels * rows * columns;
    if (data.length !== 2 * count)
      throw new EngineError('unsupported-model', `${component} returned ${data.length} values, not ${2 * count}`);
    return assertFinite(data.slice(0, count).map((mean) => (mean - shiftFactor) * scalingFactor));
  };
}

const MOMENTS = 'latent_parameters';

function findInput(
  session: OnnxSession,
  { component, name, types }: { component: string; name: string; types: readonly string[] },
): OnnxInput {
  const input = session.inputs.find((each) => each.name === name);
  if (input !== undefined && types.includes(input.type)) return input;
  const found = input === undefined ? `no input "${name}"` : `an input "${name}" of ${input.type}`;
  throw new EngineError(
    'unsupported-model',
    `${component}/model.onnx has ${found}; it needs one of ${types.join(' or ')}`,
  );
}

function assertInputs(
  { inputs, outputs }: OnnxSession,
  { denoiser, inputs: needed, output, feed }: PictureFamily,
): void {
  const refuse = (problem: string): never => {
    throw new EngineError('unsupported-model', `${denoiser}/model.onnx ${problem}`);
  };
  const names = inputs.map(({ name }) => name);
  const missing = needed.filter((name) => !names.includes(name));
  if (missing.length > 0) refuse(`has no input ${missing.join(', ')}`);
  if (!outputs.includes(output)) refuse(`has no output ${output}`);
  const one: ValueTensor = { type: 'float32', data: new Float32Array(4), dims: [1, 1, 2, 2] };
  const size = { width: 2, height: 2 };
  const fed = Object.keys(feed({ latent: one, timestep: one, text: { hidden: one, pooled: one }, size, guidance: 1 }));
  const unknown = names.filter((name) => !fed.includes(name));
  if (unknown.length > 0) refuse(`needs ${unknown.join(', ')}, which is not supported`);
}

const toInteger = (values: readonly number[], { type }: OnnxInput): OnnxTensor =>
  type === 'int32'
    ? { type, data: Int32Array.from(values), dims: [1, values.length] }
    : { type: 'int64', data: BigInt64Array.from(values, BigInt), dims: [1, values.length] };

function toTimestep(timestep: number, { type, shape }: OnnxInput): OnnxTensor {
  const dims = shape.length === 0 ? [] : [1];
  if (type === 'float32') return { type, data: Float32Array.of(timestep), dims };
  if (Number.isInteger(timestep)) return { type: 'int64', data: BigInt64Array.of(BigInt(timestep)), dims };
  throw new EngineError(
    'invalid-request',
    `the schedule has the time ${timestep}, and the model reads integers; choose another sampler`,
  );
}

function takeFloats(result: Readonly<Record<string, OnnxTensor>>, name: string): ValueTensor {
  const tensor = result[name];
  if (tensor?.data instanceof Float32Array) return { ...tensor, data: tensor.data, dims: tensor.dims, type: 'float32' };
  throw new EngineError('unsupported-model', `a network has no output "${name}" of f32`);
}

function assertFinite(values: Float32Array): Float32Array {
  if (values.every(Number.isFinite)) return values;
  throw new EngineError('engine-crashed', 'the model computed a value that is not finite');
}

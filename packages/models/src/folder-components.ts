/** The role of a component decides which files it has. */
export type ComponentRole = 'scheduler' | 'tokenizer' | 'network';

/** Components of a model folder in the layout of diffusers, as optimum exports it to ONNX. */
const ROLES: Readonly<Record<string, ComponentRole>> = {
  scheduler: 'scheduler',
  ...{ tokenizer: 'tokenizer', tokenizer_2: 'tokenizer', tokenizer_3: 'tokenizer' },
  ...{ text_encoder: 'network', text_encoder_2: 'network', text_encoder_3: 'network' },
  ...{ unet: 'network', transformer: 'network', vae_decoder: 'network', vae_encoder: 'network' },
};

/** Components that pipelines name and that no step of a picture needs. */
const UNUSED = new Set(['feature_extractor', 'image_encoder', 'safety_checker']);
/** Both halves of the codec of pictures: some exporters name them together. */
const VAE = 'vae';

export interface ComponentList {
  /** Names in ascending order. */
  readonly components: readonly string[];
  /** Names that nobody here knows. */
  readonly unknown: readonly string[];
}

/**
 * Lists the components that `model_index.json` names: a pair of library and class each, or a pair of nulls for an absent one.
 * @param hasFolder returns whether the model has a folder of that name.
 */
export function listComponents(
  index: Readonly<Record<string, unknown>>,
  hasFolder: (name: string) => boolean,
): ComponentList {
  const named = Object.entries(index)
    .filter(([name, value]) => !name.startsWith('_') && Array.isArray(value) && value.some((part) => part !== null))
    .map(([name]) => name);
  const components = new Set<string>();
  const unknown: string[] = [];
  for (const name of named) {
    if (Object.hasOwn(ROLES, name)) components.add(name);
    else if (name === VAE) {
      components.add('vae_decoder');
      if (hasFolder('vae_encoder')) components.add('vae_encoder');
    } else if (!UNUSED.has(name)) unknown.push(name);
  }
  return { components: [...components].sort(), unknown };
}

export const roleOf = (component: string): ComponentRole => ROLES[component] as ComponentRole;

/** A file that belongs to a model folder. Its kind decides how many bytes it may have. */
export interface ComponentFile {
  readonly path: string;
  readonly kind: 'config' | 'tokenizer' | 'onnx';
}

/**
 * Lists the files of a component, its configuration first. A network may need more files, which hold its weights.
 * @param hasFile returns whether the model has a file of that path.
 */
export function listComponentFiles(name: string, hasFile: (path: string) => boolean): readonly ComponentFile[] {
  const role = roleOf(name);
  if (role === 'scheduler') return [{ path: `${name}/scheduler_config.json`, kind: 'config' }];
  if (role === 'network')
    return [
      { path: `${name}/config.json`, kind: 'config' },
      { path: `${name}/model.onnx`, kind: 'onnx' },
    ];
  const whole = `${name}/tokenizer.json`;
  const parts = TOKENIZER_PARTS.map((file) => `${name}/${file}`);
  const texts = !hasFile(whole) && parts.every(hasFile) ? parts : [whole];
  return [
    { path: `${name}/tokenizer_config.json`, kind: 'config' },
    ...texts.map((path) => ({ path, kind: 'tokenizer' }) as const),
  ];
}

/** Files of a tokenizer of CLIP that was saved without `tokenizer.json`. */
export const TOKENIZER_PARTS = ['vocab.json', 'merges.txt'] as const;

import { readModelCard } from '../model-card.ts';
import type { ShelfModel } from '../model-shelf.ts';

/** Returns a name with its tag, as Ollama lists every name: clients look for `name:latest`. */
const withTag = (name: string): string => (/:[^/]*$/.test(name) ? name : `${name}:latest`);

/** A model as Ollama's lists show it. A file that cannot be read is listed without details, so that it can be deleted. */
export function formatEntry(model: ShelfModel) {
  const name = withTag(model.name);
  return {
    name,
    model: name,
    size: model.sizeBytes,
    digest: model.modelRoot,
    details: formatDetails(model),
  };
}

export function formatDetails(model: ShelfModel) {
  const parent = { parent_model: model.defaults?.from ?? '' };
  try {
    const { family, parameterSize, quantization, format } = readModelCard(model);
    return {
      ...{ ...parent, format },
      family,
      families: [family],
      parameter_size: parameterSize,
      quantization_level: quantization,
    };
  } catch {
    return { ...parent, format: 'gguf', family: '', families: [], parameter_size: '', quantization_level: '' };
  }
}

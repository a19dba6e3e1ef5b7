import { DEEPSEEK_LIKE } from './deepseek.ts';
import { GEMMA_LIKE } from './gemma.ts';
import { gptOss } from './gpt-oss.ts';
import { LLAMA_LIKE } from './llama.ts';
import { PHI_LIKE } from './phi.ts';
import { QWEN_LIKE } from './qwen.ts';
import type { ArchitectureRecipe } from './recipe.ts';
import { RECURRENT } from './recurrent.ts';

/** Every architecture with a random model, in the order of the table in docs/architectures.md. */
export const ARCHITECTURES: readonly ArchitectureRecipe[] = [
  ...LLAMA_LIKE,
  ...QWEN_LIKE,
  ...GEMMA_LIKE,
  ...PHI_LIKE,
  ...DEEPSEEK_LIKE,
  gptOss,
  ...RECURRENT,
];

/** @throws RangeError */
export function findArchitecture(name: string): ArchitectureRecipe {
  const found = ARCHITECTURES.find((recipe) => recipe.name === name);
  if (found === undefined) throw new RangeError(`no architecture is called ${name}`);
  return found;
}

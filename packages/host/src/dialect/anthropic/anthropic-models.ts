import type { Json } from '../../openai/format.ts';

/** A model as Anthropic shows it, from how OpenAI shows it. */
export function toAnthropicModel({ id, created, ...more }: Json): Json {
  const { object: _, owned_by: __, ...extra } = more;
  return { type: 'model', id, display_name: id, created_at: new Date(Number(created) * 1000).toISOString(), ...extra };
}

/** All models on one page. */
export function toAnthropicModels(models: readonly Json[]): Json {
  const data = models.map(toAnthropicModel);
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
}

import type { ApiContext } from '@ogong/host/http/api-app';

/** The response header that says which limits were lowered to what the model has. */
export const CLAMPED_HEADER = 'x-ogong-clamped';

/** Tells the client by how much its limits were lowered. */
export function showClamped(context: ApiContext, limits: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(limits)) {
    context.header(CLAMPED_HEADER, `${name}=${value}`, { append: true });
  }
}

import { ApiError } from '@ogong/host/http/api-error';
import type { z } from 'zod';

/** Reads the parameters of an address. @throws ApiError naming the parameter. */
export function readQuery<T>(given: Readonly<Record<string, string>>, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const param = issue?.path.join('.') || null;
  throw new ApiError('invalid_request', `${param ?? 'query'}: ${issue?.message}.`, { param, publicCode: null });
}

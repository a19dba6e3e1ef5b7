import type { Handler } from '../../http/api-app.ts';
import { ApiError } from '../../http/api-error.ts';

/** Whoever asks for an earlier response learns why there is none. */
export const refuseStored: Handler = ({ req }) => {
  const id = (req.param('id') ?? '').slice(0, 100);
  const message = `No response is stored here, so not ${id}: send the whole conversation as input.`;
  throw new ApiError('not_found', message, { param: 'response_id', publicCode: 'response_not_found' });
};

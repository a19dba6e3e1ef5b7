import type { ApiContext } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import type { Json } from '@ogong/host/openai/format';
import { parseHubName } from '@ogong/hub/named/hub-name';
import { readCount } from '../read-count.ts';
import type { HubReader } from './hub-reader.ts';

/** Models in one answer. */
const MAX_LISTED = 50n;
const MAX_OFFSET = 1_000_000n;
const MAX_SEARCH_CHARACTERS = 256;

type Answer = (context: ApiContext) => Promise<Json>;

/** Answers about models of the hub. @param hub undefined if the gateway has no facts of the network. */
export function createHubAnswers(hub: HubReader | undefined): {
  readonly hubModels: Answer;
  readonly hubModel: Answer;
} {
  const requireHub = (): HubReader => {
    if (hub === undefined) throw new ApiError('not_found', 'This gateway does not read the hub.');
    return hub;
  };
  return {
    hubModels: async ({ req }) => {
      const search = req.query('search') ?? '';
      if (search.length > MAX_SEARCH_CHARACTERS)
        throw new ApiError('invalid_request', `A search has at most ${MAX_SEARCH_CHARACTERS} characters.`, {
          param: 'search',
        });
      const limit = Math.max(1, Number(readCount(req.query('limit') ?? '20', 'limit', MAX_LISTED)));
      const offset = Number(readCount(req.query('offset') ?? '0', 'offset', MAX_OFFSET));
      return requireHub().list({ search, limit, offset });
    },
    hubModel: async ({ req }) => {
      const name = parseHubName(`${req.param('maker')}/${req.param('model')}`);
      if (name === undefined || name.version !== undefined)
        throw new ApiError('invalid_request', 'Expected the name of a maker and of a model.', { param: 'model' });
      return requireHub().card({ maker: name.maker, model: name.model });
    },
  };
}

import { createPostgresPlace } from '@ogong/testing/gateway/books-place';
import { noPostgres, startTestPostgres, type TestPostgres } from '@ogong/testing/gateway/postgres-server';
import { describeMemoryStore } from '@ogong/testing/memory/memory-store-compliance';
import { describeRandomMemories } from '@ogong/testing/memory/memory-store-model';
import { afterAll, beforeAll, describe } from 'vitest';
import { MEMORY_SCHEMA } from './memory-schema.ts';

describe.skipIf(noPostgres !== undefined)(`memories in PostgreSQL${noPostgres ? ` (${noPostgres})` : ''}`, () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startTestPostgres();
  });
  afterAll(() => server?.stop());

  const createPlace = () => createPostgresPlace(server, MEMORY_SCHEMA);
  describeMemoryStore(createPlace);
  describeRandomMemories(createPlace, 5);
});

import { createSqlitePlace } from '@ogong/testing/gateway/books-place';
import { describeMemoryStore } from '@ogong/testing/memory/memory-store-compliance';
import { describeRandomMemories } from '@ogong/testing/memory/memory-store-model';
import { MEMORY_SCHEMA } from './memory-schema.ts';

const createPlace = () => createSqlitePlace(MEMORY_SCHEMA);

describeMemoryStore(createPlace);
describeRandomMemories(createPlace, { numRuns: 60 });

import { createSqlitePlace } from '@ogong/testing/gateway/books-place';
import { describeReceipts } from '@ogong/testing/gateway/receipts-compliance';

describeReceipts(createSqlitePlace);

import { createSqlitePlace } from '@ogong/testing/gateway/books-place';
import { describeLedger } from '@ogong/testing/gateway/ledger-compliance';

describeLedger(createSqlitePlace, 60);

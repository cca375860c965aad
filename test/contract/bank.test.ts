import { fakeBankUnderTest, httpBankUnderTest } from './bank-support.ts';
import { bankContract } from './bank.contract.ts';

bankContract('fake', fakeBankUnderTest);
bankContract('HTTP adapter on the sandbox', httpBankUnderTest);

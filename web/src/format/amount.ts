/** An amount of money as the API tells it: a number, and the three letters of its currency. */
const MONEY = /^(-?)(\d+)(\.\d+)? ([A-Z]{3})$/;

/** 1,026,000 USD for 1026000 USD, digit by digit, so that no cent is lost to a binary fraction; every other text as it is. */
export function amount(text: string): string {
  const [, sign, whole, fraction = '', currency] = MONEY.exec(text) ?? [];
  if (whole === undefined) return text;
  return `${sign}${whole.replaceAll(/\B(?=(\d{3})+$)/g, ',')}${fraction} ${currency}`;
}

/** Words this house does not say to people about their habits. */
export const BLAME = /streak|broke|fail|missed|try harder|give up|should have|versäumt|verpasst|gescheitert|versagt|hättest|\bserie\b|punkte/i;

// On a busy machine a deadline can pass for no fault of the program: CI tries again, and logs what failed.
if (process.env.CI) jest.retryTimes(2, { logErrorsBeforeRetry: true });

/* DMA-UBRL under unified pricing: what the learner's speed is compared with.

   cc -O3 -DACTIONS=40 -DPROSUMERS=8 -o learner learner.c -lm
   learner SEED STEPS EXPLORE_FOR SIGMA WIN LOSE theta eta k Q p_min p_max x_min x_max w_1 ... w_N

   One leader without state and N followers that see its price learn by WoLF-PHC (Bowling and Veloso 2002) on
   ACTIONS prices and as many demands. Exploration falls in a line from 1 to 0 over the part EXPLORE_FOR of the
   steps; the learning rate of an action's n-th visit is max(1/n, SIGMA); future rewards count nothing.

   Prints the updates, the seconds that they took, the mean price, and each follower's mean demand. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FIRST_W 14
#define WORDS (FIRST_W + PROSUMERS)

typedef struct {
    double q[ACTIONS], policy[ACTIONS], average[ACTIONS];
    long visits[ACTIONS], count;
    int best;
} Table;

static Table leader, followers[PROSUMERS][ACTIONS];
static double prices[ACTIONS], demands[ACTIONS], margins[ACTIONS];
static double utilities[PROSUMERS][ACTIONS][ACTIONS];
static double sigma, win, lose;
static uint64_t state; /* of the random numbers */

/* SplitMix64 (Steele, Lea and Flood 2014), as a number in [0, 1). */
static double uniform(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static int draw(const Table *table, double exploration)
{
    double u = uniform(), cumulative = 0;
    if (u < exploration) {
        int action = (int)(u / exploration * ACTIONS);
        return action < ACTIONS ? action : ACTIONS - 1;
    }
    u = (u - exploration) / (1 - exploration);
    for (int a = 0; a < ACTIONS; a++)
        if (u < (cumulative += table->policy[a]))
            return a;
    return ACTIONS - 1;
}

/* The greedy action, of equals the first; only `action` has another value than when `best` was the one. */
static int greedy(const double *q, int best, int action, double before)
{
    if (action == best && q[action] < before) {
        for (int a = 0; a < ACTIONS; a++)
            if (q[a] > q[best] || (q[a] == q[best] && a < best))
                best = a;
    } else if (q[action] > q[best] || (q[action] == q[best] && action < best))
        best = action;
    return best;
}

static void update(Table *table, int action, double reward)
{
    double *q = table->q, *policy = table->policy, *average = table->average;
    double before = q[action], rate = 1.0 / ++table->visits[action];
    q[action] += (rate > sigma ? rate : sigma) * (reward - before);
    table->best = greedy(q, table->best, action, before);

    double weight = 1.0 / ++table->count, advantage = 0;
    for (int a = 0; a < ACTIONS; a++) {
        average[a] += (policy[a] - average[a]) * weight;
        advantage += (policy[a] - average[a]) * q[a];
    }
    double step = (advantage > 0 ? win : lose) / (ACTIONS - 1), given = 0;
    for (int a = 0; a < ACTIONS; a++) {
        double gives = policy[a] < step ? policy[a] : step;
        policy[a] -= gives;
        given += gives;
    }
    policy[table->best] += given;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + 1e-9 * time.tv_nsec;
}

static void set_up(const double *given)
{
    double theta = given[6], eta = given[7], k = given[8], Q = given[9];
    sigma = given[3], win = given[4], lose = given[5];
    for (int a = 0; a < ACTIONS; a++) {
        prices[a] = given[10] + a * (given[11] - given[10]) / (ACTIONS - 1);
        demands[a] = given[12] + a * (given[13] - given[12]) / (ACTIONS - 1);
        margins[a] = prices[a] - k / Q;
        leader.policy[a] = leader.average[a] = 1.0 / ACTIONS;
    }
    for (int i = 0; i < PROSUMERS; i++)
        for (int a = 0; a < ACTIONS; a++)
            for (int x = 0; x < ACTIONS; x++) {
                double served = theta * log1p(demands[x] * given[FIRST_W + i] / Q);
                utilities[i][a][x] = served - eta * demands[x] * prices[a];
                followers[i][a].policy[x] = followers[i][a].average[x] = 1.0 / ACTIONS;
            }
}

int main(int count, char **words)
{
    double given[WORDS];
    if (count != 1 + WORDS)
        return fprintf(stderr, "%d numbers are wanted\n", WORDS), 2;
    for (int i = 0; i < WORDS; i++)
        given[i] = atof(words[i + 1]);
    state = (uint64_t)given[0];
    long steps = (long)given[1];
    double until = given[2] * steps;
    set_up(given);

    double begun = now();
    int price = draw(&leader, 1);
    for (long step = 0; step < steps; step++) {
        int posted = price, chosen[PROSUMERS];
        double exploration = fmax(0, 1 - step / until), total = 0;
        for (int i = 0; i < PROSUMERS; i++)
            total += demands[chosen[i] = draw(&followers[i][posted], exploration)];
        update(&leader, posted, margins[posted] * total);
        price = draw(&leader, fmax(0, 1 - (step + 1) / until));
        for (int i = 0; i < PROSUMERS; i++)
            update(&followers[i][posted], chosen[i], utilities[i][posted][chosen[i]]);
    }
    double seconds = now() - begun, mean[1 + PROSUMERS] = {0};

    for (int a = 0; a < ACTIONS; a++) {
        mean[0] += leader.policy[a] * prices[a];
        for (int i = 0; i < PROSUMERS; i++)
            for (int x = 0; x < ACTIONS; x++)
                mean[1 + i] += leader.policy[a] * followers[i][a].policy[x] * demands[x];
    }
    printf("%ld %.9f", steps * (1 + PROSUMERS), seconds);
    for (int i = 0; i <= PROSUMERS; i++)
        printf(" %.9f", mean[i]);
    putchar('\n');
}

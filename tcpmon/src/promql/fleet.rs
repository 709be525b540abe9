//! One look at a fleet: a bounded number of queries, a few at a time.

use futures_util::StreamExt as _;
use futures_util::stream;

use super::{QueryError, Server};
use crate::core::fleet::{
    Answers, COURSE_SECONDS, COURSE_STEP_SECONDS, Fleet, Question, Rules, Scope, Topic, hosts,
    inside,
};

/// Queries under way at once. Prometheus evaluates 20 by default, and others want some of them.
const AT_ONCE: usize = 4;

impl Server {
    /// Looks at the fleet, or closely at one host of it.
    ///
    /// # Errors
    ///
    /// There is no answer, or none that says which hosts there are.
    pub async fn ask(&self, question: &Question) -> Result<Fleet, QueryError> {
        let scope = &question.scope;
        let rules = self.rules().await?;
        let more = scope.host.iter().flat_map(|_| Topic::INSIDE);
        let topics: Vec<Topic> = Topic::HOSTS.into_iter().chain(more).collect();
        let asked = topics.iter().map(|topic| {
            let (topic, query) = (*topic, topic.query(scope, rules));
            async move { (topic, self.instant(&query).await) }
        });
        let asked: Vec<_> = asked.collect();
        let mut asked = stream::iter(asked).buffer_unordered(AT_ONCE);
        let mut fleet = Fleet::default();
        let (mut answers, mut now) = (Answers::default(), 0.0_f64);
        while let Some((topic, answer)) = asked.next().await {
            match answer {
                Ok((time, samples)) => {
                    now = now.max(time);
                    answers.0.insert(topic, samples);
                }
                // The rest is worth being seen without it.
                Err(error @ QueryError::Refused { .. }) if !topic.is_essential() => {
                    fleet.notes.push(error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        fleet.queries = topics.len();
        fleet.hosts = hosts(&answers);
        if let Some(target) = &scope.host {
            let mut found = inside(&answers, target);
            if now > 0.0 {
                let query = scope.course_query(question.process.as_ref());
                let course = self.range(&query, now, COURSE_SECONDS, COURSE_STEP_SECONDS);
                found.course = course.await?.into_iter().next();
                fleet.queries += 1;
            }
            fleet.inside = Some(found);
        } else if fleet.hosts.is_empty() {
            let chosen = scope.chosen.to_string();
            return Err(QueryError::NoData(self.address.clone(), chosen));
        }
        Ok(fleet)
    }

    /// Which recording rules there are; asked once.
    async fn rules(&self) -> Result<&Rules, QueryError> {
        let asked = self.rules.get_or_try_init(async || {
            let (_, names) = self.instant(Scope::rules_query()).await?;
            let names = names.into_iter();
            Ok(names
                .filter_map(|mut it| it.labels.remove("__name__"))
                .collect())
        });
        asked.await
    }
}

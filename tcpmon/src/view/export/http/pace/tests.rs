//! With the clock of the runtime, which stands still until nobody has anything to do.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

/// What the clock of the runtime shows.
fn now() -> Instant {
    tokio::time::sleep(Duration::ZERO).deadline()
}

/// A connection of `crowd` over which requests of one byte are answered with `answer` bytes. It ends
/// when its time does, and says how long that was.
async fn connection(crowd: &Arc<Crowd>, answer: usize) -> (DuplexStream, JoinHandle<Duration>) {
    let (client, server) = duplex(16);
    let place = crowd.place().await;
    let serving = tokio::spawn(async move {
        let began = now();
        let pace = Arc::clone(&place.pace);
        let mut stream = Paced::new(server, Arc::clone(&pace), true);
        pace.keep(async {
            let mut request = [0; 2];
            // A request is two bytes, so that one can be half there.
            while stream.read_exact(&mut request).await.is_ok() {
                let under_way = pace.request().await;
                drop(under_way);
                if stream.write_all(&vec![1; answer]).await.is_err() {
                    return;
                }
                stream.flush().await.ok();
            }
        })
        .await;
        drop(place);
        began.elapsed()
    });
    // It waits from when it is served.
    tokio::task::yield_now().await;
    (client, serving)
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_waits_and_is_closed() {
    let crowd = Crowd::new();
    let (_client, serving) = connection(&crowd, 1).await;
    assert_eq!(serving.await.unwrap(), IDLE);
    assert_eq!(crowd.places.available_permits(), PLACES);
    assert!(crowd.paces().all.is_empty());
}

#[tokio::test(start_paused = true)]
async fn half_a_request_has_the_time_of_a_request() {
    let crowd = Crowd::new();
    let (mut client, serving) = connection(&crowd, 1).await;
    client.write_all(&[0]).await.unwrap();
    assert_eq!(serving.await.unwrap(), REQUEST);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_read_has_the_time_of_a_request() {
    let crowd = Crowd::new();
    let (mut client, serving) = connection(&crowd, 1000).await;
    client.write_all(&[0, 0]).await.unwrap();
    // A byte now and then buys no time.
    let reading = tokio::spawn(async move {
        let mut byte = [0];
        while client.read_exact(&mut byte).await.is_ok() {
            tokio::time::sleep(REQUEST / 10).await;
        }
    });
    assert_eq!(serving.await.unwrap(), REQUEST);
    reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn between_requests_there_is_time_again() {
    let crowd = Crowd::new();
    let (mut client, serving) = connection(&crowd, 3).await;
    for _ in 0..3 {
        client.write_all(&[0, 0]).await.unwrap();
        let mut answer = [0; 3];
        client.read_exact(&mut answer).await.unwrap();
        tokio::time::sleep(IDLE - Duration::from_secs(1)).await;
        assert!(!serving.is_finished());
    }
    let waited = 3 * (IDLE - Duration::from_secs(1));
    assert_eq!(serving.await.unwrap(), waited + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_gets_that_of_the_longest_waiting() {
    let crowd = Crowd::with_places(2);
    let (mut first, first_serving) = connection(&crowd, 1).await;
    let (_second, second_serving) = connection(&crowd, 1).await;
    // Now the first waits for less long than the second.
    first.write_all(&[0, 0]).await.unwrap();
    first.read_exact(&mut [0]).await.unwrap();
    let (_third, third_serving) = connection(&crowd, 1).await;
    second_serving.await.unwrap();
    assert!(!first_serving.is_finished() && !third_serving.is_finished());
}

#[tokio::test(start_paused = true)]
async fn who_is_in_the_middle_of_a_request_keeps_its_place() {
    let crowd = Crowd::with_places(1);
    let (mut first, serving) = connection(&crowd, 1).await;
    let began = now();
    first.write_all(&[0]).await.unwrap();
    // It reads that while nobody else has anything to do.
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Until its time is over, or it is answered.
    let (_second, _) = connection(&crowd, 1).await;
    assert_eq!(began.elapsed(), REQUEST);
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_has_been_answered_makes_room_for_who_waits() {
    let crowd = Crowd::with_places(1);
    let (mut first, serving) = connection(&crowd, 1).await;
    first.write_all(&[0]).await.unwrap();
    tokio::task::yield_now().await;
    let second = tokio::spawn({
        let crowd = Arc::clone(&crowd);
        async move { connection(&crowd, 1).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!second.is_finished());
    first.write_all(&[0]).await.unwrap();
    first.read_exact(&mut [0]).await.unwrap();
    second.await.unwrap();
    serving.await.unwrap();
}

#[tokio::test]
async fn a_body_comes_in_pieces_and_says_its_length() {
    use http_body_util::BodyExt as _;

    let crowd = Crowd::new();
    let place = crowd.place().await;
    let length = PIECE * 2 + 1;
    let mut body = Pieces::new(Body::from(vec![7; length]), place.pace.request().await);
    assert_eq!(body.size_hint().exact(), Some(length as u64));
    let mut lengths = Vec::new();
    while let Some(frame) = body.frame().await {
        lengths.push(frame.unwrap().into_data().unwrap().len());
        let rest = length - lengths.iter().sum::<usize>();
        assert_eq!(body.size_hint().exact(), Some(rest as u64));
    }
    assert_eq!(lengths, [PIECE, PIECE, 1]);
    assert_eq!(place.pace.inner().under_way, 1);
    drop(body);
    assert_eq!(place.pace.inner().under_way, 0);
}
